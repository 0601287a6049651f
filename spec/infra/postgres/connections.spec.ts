import { createServer } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { GIVE_UP_MS } from '../../../bench/layout/wait.ts'
import { acceptMany, lease, request } from '../../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres, startProxy, startStandby } from '../../support/postgres.ts'
import { startTransactionPooler } from '../../support/transaction-pooler.ts'
import { freePort } from '../../../src/infra/process/free-port.ts'
import type { Accepted, Ledger } from '../../../src/actors/model/ports.ts'
import { openConnection, type Target } from '../../../src/infra/postgres/connection.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { PostgresReconnector } from '../../../src/infra/postgres/reconnector.ts'

const server = await startPostgres(t)

async function open(t: Test, connectionString: string): Promise<Ledger> {
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  t.teardown(() => ledger.close())
  return ledger
}

const UNDONE = { code: 'ledger_unavailable', outcome: 'none' }

const SETTINGS = {
  applicationName: 'pit',
  connectTimeoutMs: GIVE_UP_MS,
  statementTimeoutMs: GIVE_UP_MS,
  target: 'any',
} as const

/** What PostgreSQL says of the last of these statements, and whether the session goes on then. */
const REJECTIONS: readonly (readonly [string, 'goes on' | 'ends', readonly string[]])[] = [
  ['22012', 'goes on', ['SELECT 1 / 0']],
  ['23502', 'goes on', ['CREATE TEMP TABLE a (b int NOT NULL)', 'INSERT INTO a VALUES (null)']],
  ['42P01', 'goes on', ['SELECT FROM absent']],
  ['57014', 'goes on', ['SET statement_timeout = 1', 'SELECT pg_sleep(60)']],
  ['53400', 'goes on', ['DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = $e$53400$e$; END $$']],
  ['25006', 'ends', ['SET default_transaction_read_only = on', 'CREATE TABLE a (b int)']],
  ['25P02', 'ends', ['BEGIN', 'SELECT 1 / 0', 'SELECT 1']],
  ['26000', 'ends', ['EXECUTE absent']],
  ['42P05', 'ends', ['PREPARE a AS SELECT 1', 'PREPARE a AS SELECT 1']],
  ['0A000', 'ends', ['DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = $e$0A000$e$; END $$']],
  ['57P01', 'ends', ['SELECT pg_terminate_backend(pg_backend_pid())']],
]

t.test('a session ends with a rejection that its next statements would meet too', async (t) => {
  const connectionString = await server.freshDatabase()
  for (const [code, then, statements] of REJECTIONS) {
    const connection = await openConnection({ ...SETTINGS, connectionString })
    let failure: unknown
    for (const text of statements) {
      const statement = { name: 'spec', effect: 'writes', protocol: 'simple', text } as const
      failure = await connection.query(statement, []).catch((cause: unknown) => cause)
    }

    t.match(failure, { code })
    t.equal(connection.isOpen() ? 'goes on' : 'ends', then, code)
    connection.destroy()
  }
})

t.test('a prepared statement that is lost is explained by its reason', async (t) => {
  const connectionString = await server.freshDatabase()
  const connection = await openConnection({ ...SETTINGS, connectionString })
  const statement = { name: 'one', effect: 'reads', text: 'SELECT 1' } as const
  await connection.query(statement, [])
  await connection.query({ ...statement, protocol: 'simple', text: 'DEALLOCATE ALL' }, [])

  await t.rejects(connection.query(statement, []), {
    code: '26000',
    message: /pooler in transaction mode/,
    cause: { message: /prepared statement "one" does not exist/ },
  })
  t.notOk(connection.isOpen())
})

t.test('a start by way of a pooler in transaction mode is refused at once', async (t) => {
  const pooler = await startTransactionPooler(t, await server.freshDatabase())

  await t.rejects(createPostgresLedger({ ...LEDGER, connectionString: pooler }), {
    code: 'ledger_unavailable',
    cause: { name: 'SharedSession', message: /DATABASE_URL .* pooler in transaction mode/ },
  })
})

for (const attrs of ['', '?target_session_attrs=any', '?target_session_attrs=primary']) {
  t.test(`accepting goes on by itself after the server was read-only${attrs}`, async (t) => {
    const database = await server.freshDatabase()
    const name = new URL(database).pathname.slice(1)
    const other = await server.freshDatabase()
    const ledger = await open(t, `${database}${attrs}`)
    const mine = await lease(ledger)

    // Sessions of this time are read-only to their end.
    await runSql(other, `ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    await runSql(other, endSessionsOf(name))
    for (let turn = 1; turn <= 3; turn += 1) {
      await t.rejects(acceptSoon(ledger, { ...mine, n: turn }), UNDONE)
    }
    await runSql(other, `ALTER DATABASE ${name} RESET default_transaction_read_only`)

    t.strictSame((await acceptAtLast(ledger, { ...mine, n: 9 })).results, ['accepted'])
  })
}

function endSessionsOf(name: string): string {
  return `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'pit' AND datname = '${name}'`
}

interface Payment {
  readonly leaseId: number
  readonly n: number
}

// The news of a session's end may come just after the next statement has been sent.
function acceptSoon(ledger: Ledger, payment: Payment): Promise<Accepted> {
  const { leaseId, n } = payment
  const accept = () => ledger.accept([request(n)], { leaseId, parked: false })
  return accept().catch(accept)
}

/** For a moment after a failed connection the ledger refuses at once, without trying again. */
async function acceptAtLast(ledger: Ledger, payment: Payment): Promise<Accepted> {
  const deadline = performance.now() + GIVE_UP_MS
  for (;;) {
    try {
      return await acceptSoon(ledger, payment)
    } catch (failure) {
      if (performance.now() > deadline) throw failure
      await new Promise(setImmediate)
    }
  }
}

t.test('a connection that falls silent is replaced, and the next accept succeeds', async (t) => {
  const proxy = await startProxy(t, await server.freshDatabase())
  const ledger = await open(t, proxy.connectionString)
  // Before the ledger is closed, which would wait for a connection that was not replaced.
  t.teardown(() => proxy.shut())
  const mine = { ...(await lease(ledger)), parked: false }
  await acceptMany(ledger, { ...mine, count: 1 })

  proxy.silence()
  await t.rejects(ledger.accept([request(2)], mine), {
    code: 'ledger_unavailable',
    outcome: 'unknown',
  })

  t.strictSame((await ledger.accept([request(3)], mine)).results, ['accepted'])
})

t.test('the first of several servers that serves is used, and later the next', async (t) => {
  const database = await server.freshDatabase()
  const [first, second] = [await startProxy(t, database), await startProxy(t, database)]
  const nowhere = await freePort()
  const ledger = await open(t, severalHosts(database, [nowhere, portOf(first), portOf(second)]))
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 1 })
  t.equal(second.opened(), 0)

  first.shut()

  t.strictSame((await acceptAtLast(ledger, { ...mine, n: 2 })).results, ['accepted'])
})

function severalHosts(database: string, ports: readonly (number | string)[]): string {
  const { host } = new URL(database)
  return database.replace(host, ports.map((port) => `127.0.0.1:${port}`).join(','))
}

function portOf({ connectionString }: { readonly connectionString: string }): string {
  return new URL(connectionString).port
}

t.test('a standby is passed over until it is promoted, unless any server will do', async (t) => {
  const standby = await startStandby(t)
  const primary = server.pitDatabase
  const both = severalHosts(primary, [portOf(standby), portOf({ connectionString: primary })])
  const recovering = async (attrs: string, target: Target = 'any'): Promise<unknown> => {
    const reconnector = new PostgresReconnector({
      ...SETTINGS,
      connectionString: `${both}${attrs}`,
      target,
    })
    const connection = await reconnector.connect()
    const text = 'SELECT pg_is_in_recovery() AS recovering'
    const [row] = await connection.query({ name: 'spec', effect: 'reads', text }, [])
    await reconnector.end()
    return row
  }

  t.same(await recovering(''), { recovering: true })
  t.same(await recovering('', 'read-write'), { recovering: false })
  t.same(await recovering('?target_session_attrs=primary'), { recovering: false })
  t.same(await recovering('?target_session_attrs=any', 'read-write'), { recovering: true })
  await runSql(standby.connectionString, 'SELECT pg_promote()')
  t.same(await recovering('', 'read-write'), { recovering: false })
})

t.test('a server that refuses a write is left for the next one', async (t) => {
  const standby = await startStandby(t)
  const primary = server.pitDatabase
  const reconnector = new PostgresReconnector({
    ...SETTINGS,
    connectionString: severalHosts(primary, [
      portOf(standby),
      portOf({ connectionString: primary }),
    ]),
  })
  t.teardown(() => reconnector.end())
  const write = { name: 'write', effect: 'writes', text: 'CREATE TABLE left_for (a int)' } as const

  const refusing = await reconnector.connect()
  await t.rejects(refusing.query(write, []), { code: '25006' })

  const taking = await reconnector.connect()
  await t.resolves(taking.query(write, []))
  t.equal(await reconnector.connect(), taking)
})

t.test('two calls within 100 ms of a failed connection make one attempt', async (t) => {
  let attempts = 0
  const refusing = createServer((socket) => {
    attempts += 1
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(refusing, 'listening')
  t.teardown(() => refusing.close())
  const bound = refusing.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  let now = 0
  const connectionString = `postgres://pit:secret@127.0.0.1:${port}/pit`
  const reconnector = new PostgresReconnector({ ...SETTINGS, connectionString }, () => now)

  await t.rejects(reconnector.connect())
  now += 99
  await t.rejects(reconnector.connect())
  t.equal(attempts, 1)
  now += 1
  await t.rejects(reconnector.connect())
  t.equal(attempts, 2)
})
