import t from 'tap'
import { AnswerReader } from './connection.ts'
import { AskedPayments, findBookFaults } from './books.ts'
import { KINDS } from './kinds.ts'
import { findServingFaults, formatRows, HostileTally, findProcessFaults } from './report.ts'
import type { Draw } from './payload.ts'
import type { PitPayment } from '../chaos/ledgers.ts'
import { Chance } from '../simulation/chance.ts'

const AT = Date.parse('2026-03-01T10:00:00.000Z')
const SETTLED: PitPayment = {
  state: 'settled',
  amountCents: 100,
  processor: 'default',
  requestedAt: AT,
}

t.test('a seed gives the same attack each time', async (t) => {
  const write = (seed: number): string => {
    const draw: Draw = { chance: new Chance(seed), known: () => undefined }
    const payloads = Array.from({ length: 20 }, () => KINDS.map((kind) => kind.draw(draw)))
    return payloads.flat().reduce((text, { bytes }) => text + bytes.toString('latin1'), '')
  }

  t.ok(write(3) === write(3))
  t.ok(write(3) !== write(4))
})

t.test('answers are read whole, however they are split', async (t) => {
  const body = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nHTTP'
  const chunks = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n'
  const last = 'HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'
  const text = `HTTP/1.1 100 Continue\r\n\r\n${body}${chunks}${last}`

  for (const size of [1, 7, text.length]) {
    const reader = new AnswerReader('bodies')
    for (let at = 0; at < text.length; at += size)
      reader.push(Buffer.from(text.slice(at, at + size)))
    t.strictSame(reader.statuses, [400, 200, 202])
    t.match(reader, { isLast: true, isPartial: false })
  }
  const reader = new AnswerReader('head')
  reader.push(Buffer.from('HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\nwhat?\r\n\r\n'))
  t.strictSame(reader.statuses, [404, -1])
})

t.test('a payment that should not exist, and one that is missing, are noticed', async (t) => {
  const asked = new AskedPayments()
  for (const id of ['a', 'b', 'c']) asked.add({ id, cents: 100 })
  asked.accept({ id: 'a', cents: 100 })
  const recorded = { correlationId: 'a', amountCents: 100, requestedAt: AT }
  const books = {
    posted: asked.payments,
    ledgers: { default: [recorded], fallback: [] },
    pit: new Map([['a', SETTLED]]),
  }

  t.strictSame(findBookFaults(books), [], 'what got no 202 may be nowhere')
  const open = { ...SETTLED, state: 'open', processor: undefined, requestedAt: undefined } as const
  const strange = new Map([...books.pit, ['x', open] as const])
  t.match(findBookFaults({ ...books, pit: strange }), [/x is open .* asked for by nobody/])
  const changed = new Map([['a', { ...SETTLED, amountCents: 101 }]])
  t.match(findBookFaults({ ...books, pit: changed }), [/asked for with 100 cents/, /misattributed/])
  const empty = { ...books, ledgers: { default: [], fallback: [] }, pit: new Map() }
  t.match(findBookFaults(empty), [/a was answered 202, and Pit does not know it/, /lost/])
})

t.test('a 5xx, a connection closed wrongly and one that hangs are noticed', async (t) => {
  const payload = { bytes: Buffer.from('x'), requests: 1 }
  const right = { statuses: [400], closing: 'wrong' } as const
  const tally = new HostileTally()
  tally.count('fine', { statuses: [400], end: 'answered' }, payload, right)
  tally.count('fails', { statuses: [500], end: 'answered' }, payload, right)
  tally.count('closes', { statuses: [], end: 'closed' }, payload, right)
  tally.count('hangs', { statuses: [], end: 'stuck' }, payload, { ...right, closing: 'right' })

  const verdicts = tally.rows().map(({ verdict }) => verdict)
  t.strictSame(verdicts, ['held', 'broken', 'broken', 'broken'])
  t.equal(tally.faults.length, 6)
  t.equal(formatRows(tally.rows()).split('\n').length, 7)
})

t.test('honest clients that are not served, and processes that die, are noticed', async (t) => {
  const latency = { count: 9, p50Ms: 1, p90Ms: 1, p99Ms: 1, p999Ms: 1, maxMs: 9 }
  const good = { payments: 9, answers: { 202: 9, 503: 1 }, unserved: 0, latency }
  const self = { delayP99Ms: 0, delayMaxMs: 0, cpuShare: 0 }
  t.strictSame(findServingFaults(good, self), [])
  const bad = { ...good, answers: { 500: 1 }, unserved: 1, latency: { ...latency, maxMs: 9999 } }
  t.equal(findServingFaults(bad, self).length, 3)

  const stat = () => ({ memoryPeakBytes: 1 }) as never
  const part = { name: 'nginx', pid: 1, logs: () => '', stat }
  t.strictSame(findProcessFaults([part], new Map([['nginx', 1]])), [])
  t.match(findProcessFaults([part], new Map([['nginx', 2]])), [/nginx ended by itself/])
  const worker = { ...part, logs: () => 'worker process 7 exited on signal 11' }
  t.match(findProcessFaults([worker], new Map([['nginx', 1]])), [/a worker of nginx died/])
  const fat = { ...part, name: 'pit-1', stat: () => ({ memoryPeakBytes: 2 ** 30 }) as never }
  t.match(findProcessFaults([fat], new Map([['pit-1', 1]])), [/pit-1 took/])
})
