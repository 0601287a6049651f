// Outages: what begins and ends them, what they count, and how instances share them.

import t from 'tap'
import type { Fact } from '../../src/actors/model/facts.ts'
import { createCounters } from '../../src/console/figures.ts'
import { startConsole } from '../../src/console/live-console.ts'
import { createOutageSharing } from '../../src/console/outage-sharing.ts'
import {
  createOutageNotes,
  sharedOutages,
  type Outage,
  type PublishedOutage,
} from '../../src/console/outages.ts'
import { createRedisOutagesCache } from '../../src/infra/redis/outages-cache.ts'
import { systemClock } from '../../src/infra/process/system-clock.ts'
import { NO_REDIS, startRedis } from '../support/redis.ts'
import { connectForTest, emitted } from '../support/redis-world.ts'

/** Notes with a clock that the spec turns, epoch ms. */
function startNotes(at = 1_000_000) {
  const time = { at }
  const notes = createOutageNotes(() => time.at)
  return {
    noteRedis: (failures: number) => notes.noteRedis(failures),
    all: () => notes.all(),
    time,
    circuit(to: Extract<Fact, { type: 'circuit.changed' }>['to']) {
      notes.note({ type: 'circuit.changed', processor: 'default', from: 'x', to, cause: 'x' })
    },
    attempt(outcome: Extract<Fact, { type: 'attempt.ended' }>['outcome'], failsProcessor?: true) {
      const counts = failsProcessor === undefined ? {} : { failsProcessor }
      const more = { correlationId: 'a', reason: 'cheaper', detail: 'x', tookMs: 1 } as const
      notes.note({ type: 'attempt.ended', processor: 'default', outcome, ...more, ...counts })
    },
    refuse: () => notes.note({ type: 'batch.refused', payments: 3, cause: 'x' }),
    fail: (operation: string) => notes.note({ type: 'ledger.failed', operation, cause: 'x' }),
    record() {
      const nothing = { payments: 0, cents: 0 }
      const settled = { default: nothing, fallback: nothing }
      notes.note({ type: 'batch.recorded', outcomes: 1, settled, tookMs: 1 })
    },
  }
}

t.test(
  'a processor is out from its opening circuit until it is closed, however often tried',
  async (t) => {
    const { circuit, attempt, time, all } = startNotes()
    attempt('failed')
    attempt('denied')
    attempt('refused')
    circuit('open')
    time.at += 3_000
    t.same(all(), [{ of: 'default', from: 1_000_000, to: 1_003_000, state: 'running', met: 2 }])
    for (let tries = 0; tries < 3; tries += 1) {
      circuit('halfOpen')
      attempt('inDoubt')
      circuit('open')
      time.at += 1_000
    }
    circuit('halfOpen')
    circuit('closed')
    time.at += 60_000

    t.same(all(), [{ of: 'default', from: 1_000_000, to: 1_006_000, state: 'over', met: 5 }])
  },
)

t.test('a circuit that waits for a payment to try it makes no outage longer', async (t) => {
  const { circuit, attempt, time, all } = startNotes()
  circuit('open')
  time.at += 2_000
  circuit('halfOpen')
  time.at += 3_600_000

  t.match(all(), [{ to: 1_002_000, state: 'untried' }])
  attempt('failed')
  t.match(
    all(),
    [{ to: 1_002_000 + 3_600_000, state: 'running' }],
    'one that was tried in vain does',
  )
})

t.test('a processor that is paused or held by hand is not out', async (t) => {
  for (const held of ['heldOpen', 'heldClosed'] as const) {
    const { circuit, all } = startNotes()

    circuit(held)
    circuit('halfOpen')
    t.same(all(), [])
    circuit('open')
    circuit(held)
    t.match(all(), [{ of: 'default', state: 'over' }], 'and what was an outage ends')
  }
})

t.test('a run of answers that blames its payments counts in the outage it opens', async (t) => {
  const { circuit, attempt, all } = startNotes()
  attempt('known')
  attempt('known', true)
  circuit('open')
  attempt('known', true)

  t.match(all(), [{ of: 'default', met: 2 }])
})

t.test('PostgreSQL is out from the first write that fails to the next commit', async (t) => {
  const { refuse, fail, record, time, all } = startNotes()
  fail('summarize')
  record()
  t.same(all(), [], 'a summary that was too slow is no outage')

  refuse()
  time.at += 4_000
  fail('record')
  time.at += 1_000
  t.match(all(), [{ of: 'PostgreSQL', from: 1_000_000, to: 1_005_000, state: 'running', met: 2 }])
  record()
  t.match(all(), [{ to: 1_005_000, state: 'over' }])
})

t.test('without payments PostgreSQL is back when nothing has failed for a while', async (t) => {
  const { fail, time, all } = startNotes()
  fail('lease')
  time.at += 1_000
  fail('lease')
  time.at += 4_999
  t.match(all(), [{ state: 'running' }])

  time.at += 1
  t.match(all(), [{ to: 1_001_000, state: 'over', met: 2 }])
})

t.test('Redis is out while its calls fail; a late answer or two are none', async (t) => {
  const { noteRedis, time, all } = startNotes()
  for (const failures of [7, 8, 9]) noteRedis(failures)
  t.same(all(), [], 'nor is what failed before')
  noteRedis(10)
  t.match(all(), [{ of: 'Redis', state: 'running', met: 3 }])

  time.at += 5_000
  t.match(all(), [{ from: 1_000_000, to: 1_000_000, state: 'over' }])
})

t.test('an instance remembers its last outages only', async (t) => {
  const { circuit, all, time } = startNotes()
  for (let outage = 0; outage < 150; outage += 1) {
    circuit('open')
    time.at += 1_000
    circuit('closed')
  }

  t.equal(all().length, 100)
  t.equal(all().at(-1)?.to, 1_150_000)
})

const OUTAGE: Outage = { of: 'default', from: 1_000, to: 9_000, state: 'over', met: 3 }

function published(instanceId: string, more: Partial<PublishedOutage>): PublishedOutage {
  return { ...OUTAGE, instanceId, seenAt: 100_000, ...more }
}

t.test(
  'what several instances met at a time is one outage, and so is one that flaps',
  async (t) => {
    const all = [
      published('b', { from: 2_000, to: 12_000, met: 4 }),
      published('a', {}),
      published('a', { of: 'fallback', from: 3_000, to: 4_000 }),
      published('a', { from: 21_000, to: 22_000 }),
      published('a', { from: 32_001, to: 33_000, state: 'running' }),
    ]

    t.same(sharedOutages(all, 100_000), [
      { of: 'default', from: 32_001, to: 33_000, state: 'running', met: 3 },
      { of: 'fallback', from: 3_000, to: 4_000, state: 'over', met: 3 },
      { of: 'default', from: 1_000, to: 22_000, state: 'over', met: 10 },
    ])
  },
)

t.test('an outage of an instance that is gone is over', async (t) => {
  const running = [published('a', { state: 'running' })]

  t.match(sharedOutages(running, 115_000), [{ state: 'running' }])
  t.match(sharedOutages(running, 115_001), [{ state: 'over', to: 9_000 }])
})

t.test('outages outlive their process, also one of Redis itself', async (t) => {
  const redis = await startRedis(t)
  if (redis === undefined) return t.comment(NO_REDIS)
  const start = async (instanceId: string, own: readonly Outage[]) => {
    const connection = await connectForTest(t, redis.url)
    const cache = createRedisOutagesCache(connection)
    const sharing = createOutageSharing({ instanceId, own: () => own, now: () => 100_000, cache })
    return { ...sharing, connection }
  }
  const outages = [OUTAGE, { ...OUTAGE, of: 'Redis', state: 'running' } as const]
  const first = await start('a', outages)
  await redis.own.kill()
  await first.keep()
  await Promise.all([emitted(first.connection.redis, 'ready'), redis.own.start()])
  await first.keep()
  await first.connection.redis.hset('{pit}:outages', 'x', 'x', 'y', '5|{"of":"other"}')

  for (const instanceId of ['a', 'b']) {
    const later = await start(instanceId, [])
    t.same(later.all(), [])
    await later.read()
    const byKind = later.all().toSorted((one, other) => (one.of < other.of ? 1 : -1))
    t.same(
      byKind,
      outages.map((outage) => ({ ...outage, instanceId: 'a', seenAt: 100_000 })),
    )
  }
  await first.read()
  t.equal(first.all().length, 2, 'our own are not there twice')
})

t.test('Redis keeps the latest outages only, for some days', async (t) => {
  const redis = await startRedis(t)
  if (redis === undefined) return t.comment(NO_REDIS)
  const connection = await connectForTest(t, redis.url)
  const { keep, readAll } = createRedisOutagesCache(connection, { outagesMax: 3 })
  for (const from of [50, 10, 40, 30, 20]) await keep({ id: `a:${from}`, from, text: `${from}` })
  await keep({ id: 'a:40', from: 40, text: 'forty' })

  t.same((await readAll()).toSorted(), ['30', '50', 'forty'])
  const days = (await connection.redis.pttl('{pit}:outages')) / 86_400_000
  t.equal(Math.ceil(days), 14)
})

t.test('an outage that a stop comes upon is kept, though its second is not over', async (t) => {
  const kept: string[] = []
  const counters = createCounters(() => 0)
  // Asked once a second, and by viewers: not before the stop.
  const unasked = {} as never
  const console = startConsole({
    instanceId: 'a',
    access: unasked,
    clock: systemClock,
    supervisor: unasked,
    whyNotReady: unasked,
    counters,
    outagesCache: {
      keep: ({ text }) => Promise.resolve(void kept.push(text)),
      readAll: () => Promise.resolve([]),
    },
    countRedisFailures: unasked,
    countOpen: unasked,
    countFinal: unasked,
    books: unasked,
    finder: unasked,
    commands: unasked,
    fees: unasked,
    onBug: (part, bug) => t.fail(part, { bug }),
    broken: new Set(),
  })
  const change = { from: 'closed', to: 'open', cause: 'http 500' } as const
  counters.telemetry.emit({ type: 'circuit.changed', processor: 'default', ...change })

  await console.stop()

  t.match(kept, [/"of":"default"/])
})
