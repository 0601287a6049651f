// Operators' tools over archived payments: compared as any others, and never booked or sent again.

import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { archiveOnce } from '../../src/infra/postgres/archive-pass.ts'
import { openTables } from '../../src/operator/pit-books.ts'
import type { BatchResult } from '../../src/operator/noted-command.ts'
import { carryOut, giveOrder } from '../../src/operator/paced-command.ts'
import { SETTINGS, openArchiving } from '../support/archive.ts'
import { START, startOperatorBooks, type OperatorBooks } from '../support/operator-books.ts'
import { startPostgres } from '../support/postgres.ts'

const postgres = await startPostgres(t)

const MODES = [[], ['--sums']] as const
const DAY_MS = 86_400_000

/** Archives all that is settled, and drops what is older. */
async function archive(
  t: Test,
  world: OperatorBooks,
  { keepMs, knownMs }: { readonly keepMs?: number; readonly knownMs?: number } = {},
): Promise<void> {
  await world.sql(`UPDATE payments SET accepted_at = to_timestamp(requested_at_ms / 1000.0);
    UPDATE applied_migrations SET needs_code = 3 WHERE number = 3`)
  const connection = await openArchiving(t, world.databaseUrl)
  await archiveOnce(connection, { ...SETTINGS, keepMs, knownMs })
}

t.test('archived payments are compared as others are, each by a look-up', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const ids: string[] = []
  for (let n = 0; n < 12; n += 1) ids.push(await world.pay({ requestedAt: START + n * 7_000 }))
  await archive(t, world)
  await world.pay({ processor: 'fallback', requestedAt: Date.now() })

  for (const mode of MODES) {
    const { code, said } = await world.reconcile([...mode])
    t.equal(code, 0, said)
    t.match(said, 'rows and totals: equal')
    t.match(said, 'default: equal; Pit 12 payments')
  }

  await world.sql('UPDATE archived_payments SET amount_cents = 2090 WHERE correlation_id = $1', [
    ids[0] ?? '',
  ])
  await world.sql('DELETE FROM archived_payments WHERE correlation_id = $1', [ids[5] ?? ''])
  for (const mode of MODES) {
    const { code, said } = await world.reconcile([...mode])
    t.equal(code, 1)
    t.match(said, `${ids[0]}: Pit has 20.90 settled at default requested 2026-03-01T10:00:00.000Z`)
    t.match(said, 'default 2026-03-01T10:00:35.000Z: Pit has -1 payment, -19.90')
    t.match(said, 'rows and totals: 2 buckets differ')
  }
})

t.test('of days that are dropped the totals are compared, and it is said', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  for (let n = 0; n < 12; n += 1) await world.pay({ requestedAt: START + n * 10_000 })
  await archive(t, world)
  const kept = await world.pay({ requestedAt: Date.now() })
  await archive(t, world, { keepMs: DAY_MS })

  for (const mode of MODES) {
    const { code, said } = await world.reconcile([...mode])
    t.equal(code, 0, said)
    t.match(
      said,
      'before 2026-03-02T00:00:00.000Z: the totals have 12 payments of 238.80, and these days',
    )
    t.match(said, 'default: equal; Pit 13 payments')
    t.notMatch(said, kept)
  }
  await world.charge({ correlationId: randomUUID(), requestedAt: START + 40_000 })
  const { code, said } = await world.reconcile(['--sums'])
  t.equal(code, 1)
  t.match(said, /2026-03-01T10:00:40.000Z to \S+: Pit has -1 payment, -19\.90/)
})

t.test('an archived payment is neither taken back nor sent through again', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const id = await world.pay({ requestedAt: START })
  await archive(t, world)
  const file = join(t.testdir(), 'ids')
  await writeFile(file, id)

  const { code, said } = await world.reconcile(['--take-back', file, '--yes'])
  const tables = openTables(world.databaseUrl)
  t.teardown(() => tables.close())
  const order = { kind: 'redrive', about: id, ids: [id], reason: undefined, perSecond: 1 } as const
  const command = await giveOrder(tables, order)
  let redriven: readonly BatchResult[] = []
  await carryOut(tables, { ...order, command }, (results) => (redriven = results))

  t.equal(code, 0)
  t.match(said, '1 id: Pit knows 1')
  t.match(redriven, [{ correlationId: id, isDone: false, words: /^is not rejected but settled/ }])
  t.match(await world.reconcile([]), { code: 0 })
})

/** What `--take-back` says of these ids. */
async function takeBack(t: Test, world: OperatorBooks, ids: readonly string[]) {
  const file = join(t.testdir(), 'ids')
  await writeFile(file, ids.join('\n'))
  return await world.reconcile(['--take-back', file, '--yes'])
}

t.test('a payment whose day and id were dropped is not booked a second time', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const dropped: string[] = []
  for (let n = 0; n < 10; n += 1) dropped.push(await world.pay({ requestedAt: START + n * 1_500 }))
  const [lost, sameDay] = [randomUUID(), randomUUID()]
  await archive(t, world, { keepMs: DAY_MS, knownMs: DAY_MS })
  await world.charge({ correlationId: lost, requestedAt: Date.now() - 2 * DAY_MS })
  await world.charge({ correlationId: sameDay, requestedAt: START + 60_000 })

  const { code, said } = await takeBack(t, world, [...dropped, lost, sameDay])

  t.equal(code, 1)
  t.match(said, '12 ids: Pit knows 0')
  t.same(
    said.match(/\S+(?= was requested .* where the totals count)/g)?.toSorted(),
    dropped.toSorted(),
  )
  t.match(said, '2 of 2 payments taken back', 'where the totals count nothing it was not settled')
  t.match(await world.reconcile(['--sums']), { code: 0, said: /default: equal; Pit 12 payments/ })
})

t.test(
  'of a dropped day whose ids are known the others are taken back, if they can be told',
  async (t) => {
    const world = await startOperatorBooks(t, postgres)
    const known = await world.pay({ requestedAt: START })
    const [beside, apart] = [randomUUID(), randomUUID()]
    await world.charge({ correlationId: beside, requestedAt: START + 9_999 })
    await world.charge({ correlationId: apart, requestedAt: START + 10_000 })
    await archive(t, world, { keepMs: DAY_MS })

    const { code, said } = await takeBack(t, world, [known, beside, apart])

    t.equal(code, 1)
    t.match(said, '3 ids: Pit knows 1')
    t.match(said, `${beside} was requested 2026-03-01T10:00:09.999Z, where the totals count`)
    t.match(said, '1 of 1 payment taken back')
  },
)

t.test('an archived payment whose id alone is gone is known by its instant', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const id = await world.pay({ requestedAt: START })
  await archive(t, world)
  await world.sql(`DO $$ BEGIN EXECUTE (
    SELECT format('ALTER TABLE known_payments DETACH PARTITION %s', inhrelid::regclass)
    FROM pg_inherits WHERE inhparent = 'known_payments'::regclass); END $$`)

  t.match(await takeBack(t, world, [id]), { code: 0, said: /^1 id: Pit knows 1\n0 payments lost/ })
  t.match(await world.reconcile([]), { code: 0 })
})

t.test('a payment that the totals count, whose row was deleted, is not booked again', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const id = await world.pay({ requestedAt: START })
  await world.sql('DELETE FROM payments WHERE correlation_id = $1', [id])

  const { code, said } = await takeBack(t, world, [id])

  t.equal(code, 1)
  t.match(said, `${id} was requested 2026-03-01T10:00:00.000Z, where the totals count`)
  t.match(said, '0 payments lost')
})
