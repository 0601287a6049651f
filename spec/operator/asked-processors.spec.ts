// What `pit reconcile` recognises in the whole, and how it asks the processors.

import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { AskedProcessor } from '../../src/operator/asked-processor.ts'
import { START, TOKEN, serveBooks, startOperatorBooks } from '../support/operator-books.ts'
import type { OperatorBooks } from '../support/operator-books.ts'
import { startPostgres } from '../support/postgres.ts'
import { StandingTime } from '../support/standing-time.ts'

const postgres = await startPostgres(t)

const HOUR_MS = 3_600_000
const NOTHING = '{"totalRequests":0,"totalAmount":0}'
const ROW = 'payments (correlation_id, amount_cents, state, due_at)'
const MODES = [[], ['--sums']] as const

/** Different books of default alone, in few lines and with these among them, with --sums and without. */
async function bothModesSay(
  t: Test,
  world: OperatorBooks,
  lines: readonly string[],
): Promise<void> {
  for (const mode of MODES) {
    const { code, said } = await world.reconcile([...mode])
    t.equal(code, 1)
    for (const line of lines) t.match(said, line)
    t.match(said, 'fallback: equal')
    t.ok(said.split('\n').length <= 6, said)
  }
}

t.test('an emptied processor is told in one line', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 25; n += 1) await world.pay({ requestedAt: START + n * 7_000 })
  world.simulators.default.ledger.purge()

  const empty = await world.reconcile([])
  await world.pay({ requestedAt: START + HOUR_MS })
  await world.pay({ processor: 'fallback', requestedAt: START })

  t.equal(empty.code, 1)
  t.match(empty.said, 'processor default knows none of 25 payments: it was emptied or restarted')
  await bothModesSay(t, world, [
    'default knows none of 25 payments before 2026-03-01T11:00:00.000Z: it was emptied',
    'default: Pit has +25 payments, +497.50; Pit 26 payments',
  ])
})

t.test('a Pit that was purged alone is told in one line for each processor', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 25; n += 1) await world.pay({ requestedAt: START + n * 7_000 })
  await world.sql('TRUNCATE payments, settled_totals')

  const empty = await world.reconcile([])
  await world.pay({ requestedAt: START + HOUR_MS })
  await world.pay({ processor: 'fallback', requestedAt: START + HOUR_MS })

  t.equal(empty.code, 1)
  t.match(empty.said, 'Pit has nothing of 25 payments that processor default has: Pit was purged')
  await bothModesSay(t, world, [
    'Pit has nothing of 25 payments that processor default has before 2026-03-01T11:00:00.000Z',
    'default: Pit has -25 payments, -497.50; Pit 1 payment',
  ])
})

t.test('a Pit whose rows were moved away is not called purged', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 12; n += 1) await world.pay({ requestedAt: START + n * 1_000 })
  await world.sql('CREATE TABLE payments_archive AS SELECT * FROM payments')
  await world.sql('DELETE FROM payments')
  for (let n = 0; n < 25; n += 1) {
    await world.charge({ correlationId: randomUUID(), requestedAt: START + HOUR_MS + n })
  }

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.notMatch(said, 'purged')
  t.match(said, 'default: Pit has -25 payments, -497.50; Pit 12 payments')
})

t.test('a Pit that has payments of that time is not called purged', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 12; n += 1) {
    const correlationId = await world.acceptInPit()
    await world.charge({ correlationId, requestedAt: Date.now() })
  }

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.notMatch(said, 'purged')
  t.match(said, /: Pit has 19\.90 open, the processor has 19\.90/)
})

t.test('what a purged Pit has not settled, and a processor had before, is named', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const old: string[] = []
  for (let n = 0; n < 25; n += 1) old.push(await world.pay({ requestedAt: START + n * 7_000 }))
  await world.sql('TRUNCATE payments, settled_totals')
  for (let n = 0; n < 3; n += 1) await world.pay({ requestedAt: START + HOUR_MS + n })
  const [open = '', rejected = '', infinite = '', elsewhere = ''] = old
  for (const [id, state] of [
    [open, 0],
    [rejected, 2],
    [infinite, 0],
  ] as const) {
    await world.sql(
      `INSERT INTO ${ROW} VALUES ('${id}', 1100, ${state}, ${state === 0 ? 'now()' : 'NULL'})`,
    )
  }
  await world.sql(
    `UPDATE payments SET accepted_at = '-infinity' WHERE correlation_id = '${infinite}'`,
  )
  const again = START + HOUR_MS + 10
  await world.charge({ processor: 'fallback', correlationId: elsewhere, requestedAt: again })
  const settled = await world.settleInPit({ processor: 'fallback', requestedAt: again })
  const renamed = 'UPDATE payments SET correlation_id = $1 WHERE correlation_id = $2'
  await world.sql(renamed, [elsewhere, settled])

  for (const mode of MODES) {
    const { said } = await world.reconcile([...mode])
    t.match(said, 'Pit has nothing of 25 payments that processor default has before')
    t.match(said, '; of what Pit has not settled there 4 were looked up')
    for (const id of [open, infinite]) t.match(said, `${id}: Pit has 11.00 open, the processor has`)
    t.match(said, `${rejected}: Pit has 11.00 rejected, the processor has 19.90`)
    t.match(said, `${elsewhere}: Pit has 19.90 settled at fallback`)
  }
})

t.test('a row of an impossible instant stops nothing', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 25; n += 1) {
    await world.charge({ correlationId: randomUUID(), requestedAt: START + n })
  }
  for (const instant of ['-9223372036854775808', '9223372036854775807']) {
    const row = `(gen_random_uuid(), 777, 1, 1, ${instant})`
    const names = '(correlation_id, amount_cents, state, processor, requested_at_ms)'
    await world.sql(`INSERT INTO payments ${names} VALUES ${row}`)
  }

  const { code, said } = await world.reconcile([])

  t.equal(code, 1)
  t.match(said, 'default: Pit has -25 payments')
  t.match(said, 'fallback: equal')
})

t.test('what a processor has in years to come is no part of equal books', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.charge({ correlationId: randomUUID(), requestedAt: Date.parse('2999-06-01') })

  for (const mode of MODES) {
    const { code, said } = await world.reconcile([...mode])
    t.equal(code, 1)
    t.match(said, /default 2999-06-01T00:00:00\.000Z: Pit has -1 payment/)
  }
})

t.test(
  'a few payments that a processor lost are named, and it is not called emptied',
  async (t) => {
    const world = await startOperatorBooks(t, postgres)
    const lost: string[] = []
    for (let n = 0; n < 5; n += 1) lost.push(await world.settleInPit({ requestedAt: START + n }))
    await world.pay({ requestedAt: START + 1_000 })

    const { said } = await world.reconcile([])

    t.notMatch(said, 'emptied')
    for (const id of lost) t.match(said, `${id}: Pit has 19.90`)
  },
)

t.test('a processor that has all payments at later instants is not called emptied', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 12; n += 1) {
    const correlationId = await world.settleInPit({ requestedAt: START + n })
    if (n > 0) await world.charge({ correlationId, requestedAt: START + HOUR_MS + n })
  }

  const { code, said } = await world.reconcile(['--to', '2026-03-01T10:30:00Z'])

  t.equal(code, 1)
  t.notMatch(said, 'emptied')
  t.match(said, 'the processor has 19.90 requested 2026-03-01T11:00:00.011Z')
})

t.test('rows that were moved away are no difference, and rows that are gone are', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const later = START + 86_400_000
  for (let n = 0; n < 12; n += 1) await world.pay({ requestedAt: START + n * 40_000 })
  for (let n = 0; n < 3; n += 1) await world.pay({ requestedAt: later + n })
  await world.sql(`
    CREATE TABLE payments_archive (LIKE payments);
    WITH gone AS (DELETE FROM payments WHERE requested_at_ms < ${later} RETURNING *)
    INSERT INTO payments_archive SELECT * FROM gone`)

  for (const mode of MODES) {
    const archived = await world.reconcile([...mode])
    t.equal(archived.code, 0)
    t.match(archived.said, 'the totals have 12 payments of 238.80, and payments_archive has just')
    t.match(archived.said, 'default: equal; Pit 15 payments')
  }

  await world.sql('DELETE FROM payments_archive WHERE requested_at_ms = $1', [START])
  const gone = await world.reconcile([])
  const elsewhere = ['--archived-before', new Date(later).toISOString()]
  const said = await world.reconcile(elsewhere)
  await world.charge({ correlationId: randomUUID(), requestedAt: START + 40_123 })
  const alone = await world.reconcile(elsewhere)

  t.equal(gone.code, 1)
  t.match(gone.said, 'before 2026-03-02T10:00:00.000Z: the totals have 12 payments of 238.80')
  t.match(gone.said, 'deleted, or moved away, and then say --archived-before')
  t.equal(said.code, 0)
  t.match(said.said, 'default: equal; Pit 15 payments')
  t.equal(alone.code, 1)
  t.match(alone.said, '2026-03-01T10:00:40.000Z to 2026-03-01T10:00:40.999Z: Pit has -1 payment')
})

t.test('rows are gone up to the last second of a window, and not beyond it', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 12; n += 1) await world.pay({ requestedAt: START + n * 1_000 })
  const kept = START + 12_000
  await world.pay({ requestedAt: kept })
  await world.pay({ requestedAt: kept + 1_000 })
  await world.sql('DELETE FROM payments WHERE requested_at_ms < $1', [kept])
  const at = (ms: number): string => new Date(ms).toISOString()

  const open = await world.reconcile([])
  const within = await world.reconcile(['--to', at(kept - 1)])
  const said = await world.reconcile(['--archived-before', at(kept)])
  await world.sql('DELETE FROM payments')
  const none = await world.reconcile(['--to', at(kept - 1)])

  for (const { said: text } of [open, within, said, none]) {
    t.match(text, `before ${at(kept)}: the totals have 12 payments of 238.80`)
  }
})

t.test('sums beyond 2^53 cents are compared to the cent', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.sql(`
    INSERT INTO payments (correlation_id, amount_cents, state, processor, requested_at_ms)
    SELECT gen_random_uuid(), 9007199254740993, 1, 1, ${START} FROM generate_series(1, 3);
    INSERT INTO settled_totals (level, bucket_ms, processor, shard, payments, cents)
    SELECT level, ${START} - ${START} % width, 1, 0, 3, 3 * 9007199254740993
    FROM (VALUES (0, 1000::bigint), (1, 60000), (2, 3600000), (3, 86400000)) AS l (level, width)`)
  const served = (amount: string) =>
    serveBooks(t, {
      total: ({ from, to }) =>
        from <= START && START <= to ? `{"totalRequests":3,"totalAmount":${amount}}` : NOTHING,
      find: async () => undefined,
    })
  const compare = async (amount: string) => {
    const processors = { default: await served(amount), fallback: world.simulators.fallback.url }
    return await world.reconcile(['--sums'], { processors })
  }

  const equal = await compare('270215977642229.79')
  const different = await compare('270215977642229.78')

  t.equal(equal.code, 0, equal.said)
  t.match(equal.said, 'Pit 3 payments of 270215977642229.79')
  t.equal(different.code, 1)
  t.match(different.said, 'default: Pit has +0 payments, +0.01')
  await world.sql(`UPDATE settled_totals SET cents = cents - 1 WHERE level = 0`)
  t.match((await compare('270215977642229.79')).said, 'totals 3 payments of 270215977642229.78')
})

t.test('each payment is looked up once, a few at a time, and one missing is named', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const count = 1_300
  // Nearly all in one millisecond, so that pages end within it.
  await world.sql(`
    INSERT INTO payments (correlation_id, amount_cents, state, processor, requested_at_ms)
    SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 100, 1, 1,
      CASE WHEN n < 1250 THEN ${START} ELSE ${START} + n END
    FROM generate_series(1, ${count}) AS n`)
  const asked = new Map<number, number>()
  let [now, most] = [0, 0]
  const url = await serveBooks(t, {
    total: ({ to }) =>
      to < START ? NOTHING : `{"totalRequests":${count - 1},"totalAmount":${count - 1}}`,
    find: async (id) => {
      const n = Number(id.split('-').at(-1))
      asked.set(n, (asked.get(n) ?? 0) + 1)
      now += 1
      most = Math.max(most, now)
      await new Promise(setImmediate)
      now -= 1
      const requestedAt = new Date(n < 1_250 ? START : START + n).toISOString()
      return n === 1_200 ? undefined : JSON.stringify({ amount: 1, requestedAt })
    },
  })
  const processors = { default: url, fallback: world.simulators.fallback.url }

  const window = ['--from', new Date(START).toISOString(), '--to', '2026-03-01T10:59:59Z']

  const { said, progress } = await world.reconcile([...window, '--per-second', '999999'], {
    processors,
  })

  t.match(said, /^00000000-0000-4000-8000-000000001200: .*, the processor does not know it$/m)
  t.equal(said.match(/does not know it/g)?.length, 1)
  t.equal(asked.size, count)
  t.ok([...asked].every(([n, times]) => times === 1 || n === 1_200))
  t.ok(most <= 8, `${most} at once`)
  t.match(progress.join('\n'), /default: 2026-03-01T\S+, 1300 payments looked up/)
})

t.test('look-ups begin no faster than they may', async (t) => {
  const time = new StandingTime()
  const begun: number[] = []
  let onRequest: () => void = () => undefined
  const url = await serveBooks(t, {
    total: () => NOTHING,
    find: async () => {
      begun.push(time.now())
      onRequest()
      return JSON.stringify({ amount: 19.9, requestedAt: new Date(START).toISOString() })
    },
  })
  const pace = {
    now: () => time.now(),
    wait: (ms: number) => new Promise<void>((resolve) => void time.setTimeout(resolve, ms)),
  }
  const processor = new AskedProcessor({ name: 'default', url, token: TOKEN, perSecond: 2, pace })
  const payments = Array.from({ length: 4 }, () => ({ correlationId: randomUUID() }))
  const nextRequest = (): Promise<void> => new Promise((resolve) => (onRequest = resolve))

  const first = nextRequest()
  const answered = processor.findAll(payments, () => undefined)
  t.equal(time.pending, 3, 'the others wait for their turns')
  await first
  for (let more = 1; more < payments.length; more += 1) {
    const next = nextRequest()
    time.increment(500)
    t.equal(time.pending, 3 - more, 'one more begins')
    await next
  }
  await answered

  t.same(begun, [0, 500, 1_000, 1_500])
})

t.test('a look-up that fails now and then is asked again', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  await world.settleInPit({ requestedAt: START })
  let failures = 2
  const requestedAt = new Date(START).toISOString()
  const url = await serveBooks(t, {
    total: () => '{"totalRequests":1,"totalAmount":19.9}',
    find: async () => {
      failures -= 1
      return failures >= 0 ? 'not JSON' : JSON.stringify({ amount: 19.9, requestedAt })
    },
  })
  const processors = { default: url, fallback: world.simulators.fallback.url }
  const window = ['--from', requestedAt, '--to', requestedAt]

  const mended = await world.reconcile(window, { processors })
  failures = 1_000
  const broken = await world.reconcile(window, { processors })

  t.equal(mended.code, 0, mended.said)
  t.equal(broken.code, 3)
})

t.test('without a database it is said that rows were not looked at', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const pit = await serveBooks(t, {
    total: () => '',
    find: async () => `{"default":${NOTHING},"fallback":${NOTHING}}`,
  })

  const { code, said } = await world.reconcile(['--url', pit], { databaseUrl: undefined })

  t.equal(code, 0)
  t.match(said, 'not looked at: rows and totals in PostgreSQL')
})
