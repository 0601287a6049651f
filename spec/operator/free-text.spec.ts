// Free text on a terminal: what an order takes as its reason, and how what is stored is printed.

import t from 'tap'
import type { FoundPayment } from '../../src/actors/model/found-payments.ts'
import { describeCommand } from '../../src/cli/command-text.ts'
import { describePayment } from '../../src/cli/payment-text.ts'
import { lineOf, tableOf } from '../../src/cli/table.ts'
import { readCommand } from '../../src/console/order-body.ts'
import { escaped, escapedLines, whyNoReason } from '../../src/operator/free-text.ts'
import { readLookUpOptions } from '../../src/operator/look-up-command.ts'
import { csvLine, jsonLine, tableLine } from '../../src/operator/payment-lines.ts'
import { readRejectedOptions } from '../../src/operator/rejected-command.ts'

const FORGED = 'late\n9  2026-01-01T00:00:00.000Z  pause default\u001B[1A\u001B[2K\u202Eevil'
const PRINTED = String.raw`late\u000a9  2026-01-01T00:00:00.000Z  pause default\u001b[1A\u001b[2K\u202eevil`

t.test('a reason with controls or marks of direction is refused, by its code point', async (t) => {
  const unsafe = [
    '\0',
    '\t',
    '\n',
    '\r',
    '\u001B',
    '\u007F',
    '\u0085',
    '\u009B',
    '\u200E',
    '\u200F',
  ]
  unsafe.push('\u2028', '\u2029', '\u202A', '\u202E', '\u2066', '\u2069', '\uFEFF', '\u{E0041}')
  for (const each of unsafe) {
    const code = `U+${each.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`
    const sentence = whyNoReason(`it is${each}late`) ?? ''
    t.ok(sentence.endsWith(`it has ${code}.`), sentence)
  }
  for (const fine of [
    'it is late',
    'zu spät – „Ticket“ 4711',
    'نمی\u200Cخواهم',
    '👩\u200D🚒',
    ' x\n',
  ]) {
    t.equal(whyNoReason(fine), undefined)
  }
  t.match(whyNoReason(' \n'), /up to 500 characters/)
  t.match(whyNoReason('x'.repeat(501)), /up to 500 characters/)
})

t.test('each way to give an order refuses such a reason', async (t) => {
  const order = { kind: 'pause', processor: 'default', reason: FORGED }
  t.match(readCommand(order), { field: 'reason', fault: /it has U\+000A\.$/ })
  const args = ['--reason', FORGED]
  t.throws(() => readLookUpOptions(['--all', ...args]), { message: /^--reason: .* U\+000A\.$/ })
  t.throws(() => readRejectedOptions(['--redrive', '--all', ...args]), { message: /U\+000A/ })
})

t.test('what is stored is printed on its line, and JSON stays the same JSON', async (t) => {
  t.equal(escaped(FORGED), PRINTED)
  t.equal(escapedLines('one\ntwo\u001B'), 'one\ntwo\\u001b')
  const json = escaped(JSON.stringify({ reason: `${FORGED}\u{E0041}\u009B` }))
  t.match(json, /^[\x20-\x7e]+$/)
  t.same(JSON.parse(json), { reason: `${FORGED}\u{E0041}\u009B` })
})

t.test('no line of a command, a payment or an instance is forged', async (t) => {
  const command = {
    id: 1,
    at: 'now',
    by: FORGED,
    via: FORGED,
    kind: FORGED,
    payload: { about: FORGED },
    reason: FORGED,
    until: FORGED,
    awaited: [FORGED],
    result: { [FORGED]: { circuit: FORGED } },
    doneAt: null,
    isInterrupted: false,
  }
  t.match(describeCommand(command).split('\n'), [/^1 {2}now/, /^ {4}late/, /^$/])
  const attempt = { processor: FORGED, requestedAt: '', reason: '', outcome: '', detail: FORGED }
  const lines = describePayment({ state: FORGED, ownedBy: FORGED, attempts: [attempt] })
  t.equal(lines.split('\n').length, 6)
  const found: FoundPayment = {
    correlationId: 'a',
    state: 'owned',
    amountCents: 1,
    acceptedAt: 1,
    ownedBy: FORGED,
    inDoubtAt: [],
    attempts: 0,
  }
  t.equal(tableLine(found).split('\n').length, 1)
  const fault = { url: 'http://a', fault: FORGED }
  const printed = [
    describeCommand(command),
    lines,
    csvLine(found),
    tableLine(found),
    jsonLine(found),
    tableOf([fault], 'now'),
    lineOf(fault, 'now'),
  ]
  for (const text of printed) t.match(text, /^[\x20-\x7e\n–]+$/)
})
