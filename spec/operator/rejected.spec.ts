import pg from 'pg'
import t from 'tap'
import { waitUntil } from '../../bench/layout/wait.ts'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { BooksUnreachable, UsageError } from '../../src/operator/failures.ts'
import { readRejectedOptions, runRejected } from '../../src/operator/rejected-command.ts'
import { openTables } from '../../src/operator/pit-books.ts'
import { DELAYS, acceptMany, lease, rejected, settled, uuid } from '../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../support/postgres.ts'

const postgres = await startPostgres(t)

t.test('rejected payments are listed, and one is redriven and settles', async (t) => {
  const connectionString = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  const pool = openTables(connectionString)
  t.teardown(() => Promise.all([ledger.close(), pool.close()]))
  let said = ''
  const tool = { pool, write: (text: string) => void (said += text) }
  const run = async (...args: string[]): Promise<number> => {
    said = ''
    const options = readRejectedOptions(args)
    return options.kind === 'help' ? 0 : await runRejected(options, tool)
  }
  t.equal(await run(), 0)
  t.match(said, 'no payment is rejected')
  const held = await lease(ledger)
  await acceptMany(ledger, { ...held, count: 3 })
  await ledger.record([rejected(1), settled(2)], held)

  t.equal(await run(), 0)
  t.match(said, new RegExp(`^${uuid(1)} +19\\.90  accepted .*  fallback: http\n$`))

  t.equal(await run('--redrive', uuid(2)), 1, 'a settled one is left alone')
  t.match(said, 'settled; nothing was changed')
  t.equal(await run('--redrive', uuid(3)), 1, 'an open one is left alone')
  t.match(said, 'still being worked on')
  t.equal(await run('--redrive', uuid(4)), 1, 'an unknown one is left alone')
  t.strictSame(
    await ledger.claimDue({ ...held, limit: 10, ...DELAYS }),
    [],
    'nothing was parked so far',
  )

  t.equal(await run('--redrive', uuid(1)), 0)
  t.match(said, 'is parked and due')
  t.match(await ledger.claimDue({ ...held, limit: 10, ...DELAYS }), [
    { correlationId: uuid(1), fencingToken: 2, rounds: 0, unknownOutcomes: [], amountCents: 1_990 },
  ])
  t.equal(await run('--redrive', uuid(1)), 1, 'a second time it is open')
})

t.test('the second of two redrives at once finds the payment open', async (t) => {
  const connectionString = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  const pool = openTables(connectionString)
  const first = new pg.Client({ connectionString })
  await first.connect()
  t.teardown(() => Promise.all([ledger.close(), pool.close(), first.end()]))
  const held = await lease(ledger)
  await acceptMany(ledger, { ...held, count: 1 })
  await ledger.record([rejected(1)], held)
  let said = ''
  const tool = { pool, write: (text: string) => void (said += text) }

  // The first one has its row and has not committed while the second one runs.
  await first.query('BEGIN')
  await first.query('UPDATE payments SET state = 0, owner = NULL, due_at = now() WHERE state = 2')
  const second = runRejected({ kind: 'redrive', correlationId: uuid(1) }, tool)
  await waitUntil({ what: 'the second one waits for the row', withinMs: 20_000 }, async () => {
    const waits = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`
    return (await runSql(connectionString, waits)).length === 1
  })
  await first.query('COMMIT')

  t.equal(await second, 1)
  t.match(said, 'still being worked on')
})

t.test('a wrong command line and an unreachable database throw different errors', async (t) => {
  for (const wrong of ['--redrive=1', '--nosuch']) {
    t.throws(() => readRejectedOptions([wrong]), UsageError, wrong)
  }
  const pool = openTables('postgresql://nobody@127.0.0.1:1/none')
  t.teardown(() => pool.close())

  await t.rejects(runRejected({ kind: 'list' }, { pool, write: () => {} }), BooksUnreachable)
})
