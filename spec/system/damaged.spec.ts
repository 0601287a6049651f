// A whole instance over tables that somebody else has written to: what concerns one payment stays
// with that payment.

import { randomUUID } from 'node:crypto'
import t from 'tap'
import { waitUntil } from '../../bench/layout/wait.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { startWorld } from '../support/system-world.ts'
import { whileRefused } from '../support/system-client.ts'

const postgres = await startPostgres(t)

t.test(
  'one parked payment that cannot be read ends no instance, and the others go on',
  async (t) => {
    const databaseUrl = await postgres.freshDatabase()
    const { client } = await startWorld(t, { databaseUrl })
    const [damaged, whole] = [randomUUID(), randomUUID()]
    await runSql(
      databaseUrl,
      `INSERT INTO payments (correlation_id, amount_cents, due_at, attempts) VALUES
      ('${damaged}', 1990, now(), '[{"x": 1}]'), ('${whole}', 1990, now(), NULL)`,
    )
    const isSettled = async (id: string): Promise<boolean> => {
      const status = await client.paymentStatus(id)
      return status !== 'missing' && status?.state === 'settled'
    }

    await waitUntil({ what: 'the other one is settled' }, () => isSettled(whole))

    t.equal(await client.status('GET', `/payments/${damaged}`), 500)
    t.equal(await client.status('GET', `/payments/${damaged}`), 500, 'and again')
    const [row] = await runSql(
      databaseUrl,
      `SELECT claim, owner IS NOT NULL AS is_owned FROM payments WHERE correlation_id = '${damaged}'`,
    )
    t.strictSame(row, { claim: 1, is_owned: true }, 'claimed once')
    const [next] = await client.postAll(1)
    await waitUntil({ what: 'a new one is settled' }, () => isSettled(next ?? ''))
  },
)

t.test('parked payments of which none can be read end no instance', async (t) => {
  const databaseUrl = await postgres.freshDatabase()
  const { client } = await startWorld(t, { databaseUrl })
  const values = Array.from({ length: 3 }, () => `('${randomUUID()}', 1990, now(), '[{"x": 1}]')`)
  await runSql(
    databaseUrl,
    `INSERT INTO payments (correlation_id, amount_cents, due_at, attempts) VALUES ${values.join()}`,
  )

  await waitUntil({ what: 'all are claimed, and again as strays' }, async () => {
    const [row] = await runSql(databaseUrl, 'SELECT min(claim) AS claims FROM payments')
    return Number(row?.['claims']) >= 2
  })

  const [next = ''] = await client.postAll(1)
  await waitUntil({ what: 'a new one is settled' }, async () => {
    const status = await client.paymentStatus(next)
    return status !== 'missing' && status?.state === 'settled'
  })
  t.match(await client.paymentStatus(next), { state: 'settled' })
})

t.test(
  'an outcome that PostgreSQL refuses holds up no other, and is shown and counted',
  async (t) => {
    const databaseUrl = await postgres.freshDatabase()
    const { client } = await startWorld(t, { databaseUrl })
    const refused = randomUUID()
    await runSql(
      databaseUrl,
      `ALTER TABLE payments ADD CHECK (correlation_id <> '${refused}' OR state = 0)`,
    )
    const countSettled = async (): Promise<number> => {
      const text = 'SELECT count(*)::int AS settled FROM payments WHERE state = 1'
      return Number((await runSql(databaseUrl, text))[0]?.['settled'])
    }

    await whileRefused(() => client.post({ correlationId: refused }))
    const others = await client.postAll(20)

    await waitUntil({ what: 'the others are written' }, async () => {
      return (await countSettled()) === others.length
    })
    await waitUntil({ what: 'its settlement is shown' }, async () => {
      const status = await client.paymentStatus(refused)
      return status !== 'missing' && status?.state === 'settled'
    })
    const summary = await client.summary({})
    t.equal((summary?.default.payments ?? 0) + (summary?.fallback.payments ?? 0), 21)
    t.equal(await countSettled(), others.length)
  },
)
