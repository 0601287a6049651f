// The command line of a chaos run, and what its verdict is made of.

import t from 'tap'
import { UsageError } from '../../bench/challenge/errors.ts'
import { Chance } from '../simulation/chance.ts'
import { drawWindows, findPaymentFaults, isEqual, LedgerSums } from './books.ts'
import { ClientRecords } from './clients.ts'
import { FAULT_NAMES } from './fault-kinds.ts'
import type { PitPayment, Recorded } from './ledgers.ts'
import { readCommandLine } from './options.ts'
import { formatTable, makeRows, type ReportInput } from './report.ts'
import { largeMemory, MEMORY_BYTES_MAX } from './verdict.ts'

t.test('the command line has defaults and bounds', async (t) => {
  t.match(readCommandLine(['--seed', '5', '--minutes', '0.5', '--faults', 'kill,pause']), {
    kind: 'run',
    jsonFile: undefined,
    options: { seed: 5, seconds: 30, faults: ['kill', 'pause'], rate: 150, instances: 2 },
  })
  t.match(readCommandLine([]), { options: { faults: FAULT_NAMES, seconds: 60 } })
  t.match(readCommandLine(['--env', 'READY_MAX=9', '--env=A=b=c']), {
    options: { env: { READY_MAX: '9', A: 'b=c' } },
  })
  t.match(readCommandLine(['--help']), { kind: 'help' })
  for (const wrong of [
    '--minutes=0',
    '--rate=x',
    '--faults=none',
    '--instances=1',
    '--env=x',
    '--nosuch',
  ]) {
    t.throws(() => readCommandLine([wrong]), UsageError, wrong)
  }
})

const AT = Date.parse('2026-03-01T10:00:00.000Z')
const recorded = (correlationId: string, change: Partial<Recorded> = {}): Recorded => ({
  correlationId,
  amountCents: 100,
  requestedAt: AT,
  ...change,
})
const posted = { amountCents: 100, atMs: 1000, accepted: true }
const settled: PitPayment = {
  state: 'settled',
  amountCents: 100,
  processor: 'default',
  requestedAt: AT,
}
const open: PitPayment = {
  state: 'open',
  amountCents: 100,
  processor: undefined,
  requestedAt: undefined,
}

t.test('each way in which a payment can go wrong is found', async (t) => {
  const rows: [string, Parameters<typeof findPaymentFaults>[0], readonly string[]][] = [
    ['right', books({ byDefault: [recorded('a')], pit: settled }), []],
    ['lost', books({ pit: open }), ['lost']],
    ['lost, Pit knows nothing', books({}), ['lost']],
    ['settled, but recorded nowhere', books({ pit: settled }), ['lost', 'misattributed']],
    [
      'at both',
      books({ byDefault: [recorded('a')], fallback: [recorded('a')], pit: settled }),
      ['paidTwice'],
    ],
    ['elsewhere', books({ fallback: [recorded('a')], pit: settled }), ['misattributed']],
    [
      'at another instant',
      books({ byDefault: [recorded('a', { requestedAt: AT + 1 })], pit: settled }),
      ['misattributed'],
    ],
    [
      'recorded, not known as settled',
      books({ byDefault: [recorded('a')], pit: open }),
      ['misattributed'],
    ],
    [
      'another amount',
      books({ byDefault: [recorded('a', { amountCents: 101 })], pit: settled }),
      ['stranger', 'misattributed'],
    ],
  ]
  for (const [name, given, kinds] of rows) {
    t.strictSame(
      findPaymentFaults(given).map(({ kind }) => kind),
      kinds,
      name,
    )
  }
  const unasked = { ...books({ byDefault: [recorded('b')], pit: open }), posted: new Map() }
  t.match(findPaymentFaults(unasked), [
    { kind: 'stranger', correlationId: 'b', atMs: undefined },
    {},
  ])
  const refused = { ...books({}), posted: new Map([['a', { ...posted, accepted: false }]]) }
  t.strictSame(findPaymentFaults(refused), [], 'what got no 202 may be nowhere')
})

t.test('sums of windows are exact at every edge', async (t) => {
  const chance = new Chance(3)
  const entries = (count: number): Recorded[] =>
    Array.from({ length: count }, (_, n) =>
      recorded(String(n), {
        requestedAt: AT + chance.below(3000),
        amountCents: 1 + chance.below(999),
      }),
    )
  const ledgers = { default: entries(400), fallback: entries(90) }
  const sums = new LedgerSums(ledgers)

  for (const window of drawWindows(ledgers, 500, chance)) {
    const { from = -Infinity, to = Infinity } = window
    const inside = ledgers.default.filter((one) => one.requestedAt >= from && one.requestedAt <= to)
    const cents = inside.reduce((sum, one) => sum + one.amountCents, 0)
    const total = { payments: inside.length, cents }
    if (sums.of(window).default.cents !== cents) t.fail(JSON.stringify(window))
    const told = { default: total, fallback: sums.of(window).fallback }
    if (!isEqual(sums.compare(window, told))) t.fail(JSON.stringify(window))
  }
  const told = sums.of({})
  const wrong = { ...told, default: { ...told.default, cents: told.default.cents - 7 } }
  t.match(sums.compare({}, wrong), { centsOff: 7, paymentsOff: 0 })
  t.notOk(isEqual(sums.compare({}, undefined)), 'no answer is not equal')
})

t.test('each violation is counted at the faults that lasted at the time', async (t) => {
  const records = new ClientRecords()
  records.add('a', { amountCents: 100, atMs: 1500 })
  const answer = { kind: 'answered', status: 202, body: Buffer.alloc(0), tookMs: 1 } as const
  records.note('a', answer, { expected: 'accepted', tookMs: 1 })
  records.note('a', answer, { expected: 'conflict', tookMs: 1 })
  const fault = { place: 'instances', target: 'pit-1' } as const
  const input: ReportInput = {
    injected: [
      { ...fault, name: 'kill', beganMs: 1000, endedMs: 2000 },
      { ...fault, name: 'pause', beganMs: 9000, endedMs: 14_000 },
    ],
    posted: records.payments,
    faults: [{ kind: 'lost', correlationId: 'a', atMs: 1500, detail: '' }],
    windows: [],
    takeovers: [{ fault: 'pause', instance: 'pit-1', tookMs: 6000 }],
    recoveries: [],
    startedAtWall: AT,
    brokeOtherwise: 'no',
  }

  t.match(makeRows(input), [
    { fault: 'kill', injected: 1, seconds: 1, payments: 1, lost: 1, verdict: 'broken' },
    { fault: 'pause', payments: 0, lost: 0, longestTakeoverMs: 6000, verdict: 'broken' },
    { fault: 'all', injected: 2, payments: 1, lost: 1, verdict: 'broken' },
  ])
  t.match(records.violations, [/a was answered 202, expected conflict/])
  t.equal(formatTable(makeRows(input)).split('\n').length, 5)
})

function books(given: {
  readonly byDefault?: readonly Recorded[]
  readonly fallback?: readonly Recorded[]
  readonly pit?: PitPayment
}): Parameters<typeof findPaymentFaults>[0] {
  const { byDefault = [], fallback = [], pit } = given
  return {
    posted: new Map([['a', posted]]),
    ledgers: { default: byDefault, fallback },
    pit: new Map(pit === undefined ? [] : [['a', pit]]),
  }
}

t.test('an instance above its bound of memory is told with its size and the bound', async (t) => {
  t.same(largeMemory(MEMORY_BYTES_MAX), [])
  t.match(largeMemory(MEMORY_BYTES_MAX + 1), [/took 174063617 bytes.*bound is 174063616/])
})
