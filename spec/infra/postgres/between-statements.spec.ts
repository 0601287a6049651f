// What a call makes of what came between its two statements, over rows that the spec gives.

import t from 'tap'
import { createAccept } from '../../../src/infra/postgres/accept.ts'
import { createRecord } from '../../../src/infra/postgres/outcomes.ts'
import type { PostgresPool } from '../../../src/infra/postgres/pool.ts'
import { PurgeCount } from '../../../src/infra/postgres/purges.ts'
import { rejected, request, settled, uuid } from '../../contracts/ledger-words.ts'

/** A pool that answers with these rows in turn, and the names of the statements it was given. */
function poolOf(...answers: readonly (readonly object[] | Error)[]) {
  const asked: string[] = []
  const run = async ({ name }: { readonly name: string }): Promise<readonly object[]> => {
    const answer = answers[asked.length] ?? []
    asked.push(name)
    if (answer instanceof Error) throw answer
    return answer
  }
  const runForRow = async (query: { readonly name: string }) => (await run(query))[0]
  return { pool: { run, runForRow } as unknown as PostgresPool, asked }
}

function purges(): PurgeCount {
  return new PurgeCount(() => undefined)
}

t.test('what became of outcomes is asked only where some were not written', async (t) => {
  for (const [outcomes, asked] of [
    [[settled(1), settled(2)], ['settle']],
    [[settled(1), rejected(2)], ['record']],
  ] as const) {
    const given = poolOf([{ written: 2 }])

    t.same(await createRecord(given.pool, purges()).record(outcomes, { leaseId: 7 }), [])
    t.same(given.asked, asked, 'settlements alone wait for no disk')
  }
})

t.test('a settlement of a payment that is open again since contradicts nothing', async (t) => {
  const open = { correlation_id: uuid(1), state: 0, owner: 7, claim: 0, purges: 0 }
  const { pool } = poolOf([{ written: 0 }], [open])

  const unwritten = await createRecord(pool, purges()).record([settled(1)], { leaseId: 7 })

  t.match(unwritten, [{ why: 'purged' }])
})

t.test('an id that is gone once it is asked about is unread, and no conflict', async (t) => {
  const known = { held: true, correlation_id: uuid(1), amount_cents: null }
  const { pool } = poolOf([], [known])

  const accepting = createAccept(pool, { timeoutMs: 1_000, purgeCount: purges() }).accept(
    [request(1)],
    {
      leaseId: 7,
      parked: false,
    },
  )

  t.same(await accepting, { results: ['unread'], purges: 0 })
})

t.test('a bug in asking about known ids is no failure of the ledger', async (t) => {
  const bug = new TypeError('a planted bug')
  const { pool } = poolOf([{ correlation_id: uuid(2), purges: 0 }], bug)

  const accepting = createAccept(pool, { timeoutMs: 1_000, purgeCount: purges() }).accept(
    [request(1), request(2)],
    {
      leaseId: 7,
      parked: false,
    },
  )

  await t.rejects(accepting, bug)
})
