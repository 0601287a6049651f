import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { createServer, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { wordsOf } from '../../../src/actors/model/errors.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { applyByHand } from '../../../src/infra/postgres/migrate-by-hand.ts'
import { isForAPerson } from '../../../src/infra/postgres/start.ts'
import { projectFile } from '../../../src/infra/process/project-file.ts'
import {
  DELAYS,
  acceptMany,
  lease,
  parked,
  rejected,
  settled,
  uuid,
} from '../../contracts/ledger-words.ts'
import { openTransaction } from '../../support/migrations.ts'
import { LEDGER, makeEnterableFolder, runSql, startPostgres } from '../../support/postgres.ts'
import { missing } from '../../support/requirements.ts'

const postgres = await startPostgres(t)

/** Far beyond what a start needs that does not wait. */
const NEVER_WAITED_FOR_MS = 600_000

t.test('a start that PostgreSQL refuses fails at once, with its words and its code', async (t) => {
  const url = await postgres.freshDatabase()
  const role = await makeRole(url, 'stranger')
  const at = (change: (address: URL) => void): string => {
    const address = new URL(url)
    change(address)
    return address.href
  }
  const refused: readonly (readonly [url: string, words: RegExp])[] = [
    [at((one) => (one.password = 'wrong')), /^password authentication failed .*\(28P01\)$/],
    [at((one) => (one.password = '')), /^the server asks for a password, and none is given$/],
    [at((one) => (one.pathname = '/nowhere')), /^database "nowhere" does not exist \(3D000\)$/],
    [at((one) => (one.pathname = '/template0')), /^database "template0" .*\(55000\)$/],
    [at((one) => (one.search = '?sslmode=verify-full')), /does not support SSL/],
    [at((one) => (one.search = '?sslrootcert=/nowhere.pem')), /ENOENT.*\/nowhere\.pem/],
    [at((one) => (one.search = '?sslcert=/etc')), /^EISDIR/],
    [at((one) => (one.search = '?port=abc')), /^Port should be .*\(ERR_SOCKET_BAD_PORT\)$/],
    [url.replace(/\/\/.*@/, '//pit:%ff@'), /URI malformed/],
    [as(url, role), /^permission denied for schema public \(42501\), and there is no payments\./],
  ]

  for (const [connectionString, words] of refused) {
    const starting = open(t, connectionString, { startTimeoutMs: NEVER_WAITED_FOR_MS })
    const failure = await starting.then(undefined, (error: Error) => error.cause)
    t.match(wordsOf(failure), words)
    t.notMatch(wordsOf(failure), 'wrong')
  }
})

t.test('a certificate that nobody trusts cannot heal, a server that is away can', async (t) => {
  const error = (code: string, more = {}) => Object.assign(new Error('x'), { code, ...more })
  const lasting = [
    error('SELF_SIGNED_CERT_IN_CHAIN'),
    error('DEPTH_ZERO_SELF_SIGNED_CERT'),
    error('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    error('ERR_TLS_CERT_ALTNAME_INVALID'),
    error('CERT_HAS_EXPIRED'),
    error('42501'),
    error('28000'),
    error('55000'),
  ]
  const passing = [
    error('ECONNREFUSED', { syscall: 'connect' }),
    error('ENOENT', { syscall: 'connect' }),
    error('ENOTFOUND', { syscall: 'getaddrinfo' }),
    error('55P03'),
    error('57P03'),
    error('53300'),
    error('25006'),
    new Error('Connection terminated unexpectedly'),
  ]

  t.same(lasting.filter(isForAPerson), lasting)
  t.same(passing.filter(isForAPerson), [])
})

t.test('a certificate that nobody trusts ends the start at once', async (t) => {
  const identity = await makeCertificate(t)
  if (identity === undefined) return t.plan(0, NO_OPENSSL)
  const port = await listen(t, 0, (client) => {
    client.once('data', () => {
      client.write('S') // TLS is taken.
      const tls = new TLSSocket(client, { isServer: true, ...identity })
      tls.on('error', () => client.destroy())
    })
  })

  const url = `postgres://pit:p@127.0.0.1:${port}/pit?sslmode=verify-full`
  const starting = open(t, url, { startTimeoutMs: NEVER_WAITED_FOR_MS })

  await t.rejects(starting, {
    message: /self-signed certificate.* \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/,
  })
})

t.test('the path of a socket may hold a space', async (t) => {
  const folder = await makeEnterableFolder()
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'my sockets'))
  const connected = new Promise<void>((resolve) => {
    void listen(t, join(folder, 'my sockets', '.s.PGSQL.5432'), () => resolve())
  })

  const host = encodeURIComponent(`${folder}/my sockets`)
  const starting = open(t, `postgres://pit@${host}/pit`, { startTimeoutMs: 1 })

  await Promise.all([connected, t.rejects(starting, { code: 'ledger_unavailable' })])
})

t.test('a PostgreSQL that is away is waited for, with the reason told in between', async (t) => {
  const url = new URL(await postgres.freshDatabase())
  const port = Number(url.port)
  const reasons: string[] = []
  const gate = createServer((client) => {
    const server = connect(port, '127.0.0.1')
    for (const socket of [client, server]) socket.on('error', () => undefined)
    client.pipe(server).pipe(client)
  })
  t.teardown(() => gate.close())
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve))
  const bound = gate.address()
  url.port = String(typeof bound === 'object' && bound !== null ? bound.port : 0)
  await new Promise((resolve) => gate.close(resolve))

  const ledger = await open(t, url.href, {
    startTimeoutMs: NEVER_WAITED_FOR_MS,
    onWaiting: (reason) => {
      reasons.push(reason)
      gate.listen(Number(url.port), '127.0.0.1')
    },
  })

  t.match(reasons, [/ECONNREFUSED/])
  t.equal(reasons.length, 1, 'the same reason is not told at each try')
  t.equal((await ledger.countOpen()).owned, 0)
})

t.test('tables may take longer to be made than a server is waited for', async (t) => {
  const url = await postgres.freshDatabase()
  const other = await openTransaction(t, url, `SELECT pg_advisory_xact_lock(${SCHEMA_LOCK})`)
  const told: number[] = []

  const ledger = await open(t, url, {
    startTimeoutMs: 1_000,
    onMigrating: (seconds) => {
      told.push(seconds)
      void other.query('COMMIT')
    },
  })

  t.ok((told[0] ?? 0) > 1, 'the bound of the start was over by then')
  t.equal((await ledger.countOpen()).owned, 0)
})

t.test('tables that are in use are brought up to date without holding up others', async (t) => {
  const url = await postgres.freshDatabase()
  await (await open(t, url)).close()
  await runSql(url, `DROP TABLE applied_schema, applied_migrations; DROP INDEX payments_rejected`)
  const writer = await openTransaction(t, url, 'LOCK TABLE payments IN ROW EXCLUSIVE MODE')
  const reasons: string[] = []

  await open(t, url, {
    startTimeoutMs: NEVER_WAITED_FOR_MS,
    onWaiting: (reason) => {
      reasons.push(reason)
      void writer.query('COMMIT')
    },
  })

  t.match(reasons, [/lock timeout \(55P03\)/])
})

t.test('tables made beforehand and the documented rights are enough', async (t) => {
  const url = await postgres.freshDatabase()
  const role = await makeRole(url, 'pit_user')
  await applyByHand(url, { onWaiting: (reason) => t.fail(reason) })
  const [rights = '', purging = ''] = await documentedRights()
  const documented = (sql: string): string => sql.replaceAll('TO pit;', `TO ${role.name};`)

  await t.rejects(open(t, as(url, role)), {
    cause: { message: /lacks SELECT on applied_migrations, SELECT on payments/ },
  })
  await runSql(url, documented(rights))
  const ledger = await open(t, as(url, role))
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 4 })
  await ledger.record([settled(1), rejected(2), parked(3)], mine)
  t.same((await ledger.claimDue({ ...mine, limit: 9, ...DELAYS })).length, 0, 'parked for later')
  t.same((await ledger.claimParked([uuid(3)], mine)).length, 1)
  t.equal((await ledger.summarize({}, [])).summary.default.payments, 1)
  t.equal((await ledger.find(uuid(2)))?.state, 'rejected')
  t.same((await ledger.renewLease({ ...mine, ttlMs: 60_000 })).held, true)
  await ledger.takeOver({ ...mine, limit: 1, settleByMs: 0, expired: [] })
  await t.rejects(ledger.purge(), {
    message: /permission denied .*\(42501\)/,
    refusal: {
      words:
        'the role lacks TRUNCATE on payments, TRUNCATE on settled_totals, TRUNCATE on ' +
        'archived_payments, TRUNCATE on known_payments, UPDATE on purges; see docs/DATABASE.md',
    },
  })
  await t.test('policies that hide rows', async (t) => {
    const switched = (how: string): Promise<unknown> =>
      runSql(url, `ALTER TABLE known_payments ${how} ROW LEVEL SECURITY`)
    await switched('ENABLE')
    // Its ids would be unknown, and repeats of them paid again.
    await t.rejects(acceptMany(ledger, { ...mine, count: 1 }), {
      message: /row-level security policy for table "known_payments" \(42501\)/,
    })
    await t.rejects(open(t, as(url, role)), {
      cause: { message: /the role lacks BYPASSRLS for known_payments;/ },
    })
    await switched('DISABLE')
    await acceptMany(ledger, { ...mine, count: 1 })
  })
  await runSql(url, documented(purging))
  t.equal((await ledger.purge()).purges, 1)
  await ledger.releaseLease(mine.leaseId)
})

t.test('a start without the right to make tables names the column that is missing', async (t) => {
  const url = await postgres.freshDatabase()
  const role = await makeRole(url, 'late')
  await runSql(url, await readFile(projectFile('compose/migrations/0001-tables.sql'), 'utf8'))
  await runSql(url, 'ALTER TABLE payments DROP COLUMN rounds CASCADE; DROP INDEX payments_parked')

  const starting = open(t, as(url, role), { startTimeoutMs: NEVER_WAITED_FOR_MS })

  await t.rejects(starting, {
    message: /42501.* there is no payments\.rounds, payments_parked; see docs\/DATABASE\.md/,
  })
})

t.test('a start on a column of another type names it, and reads no payment by it', async (t) => {
  const url = await postgres.freshDatabase()
  await (await open(t, url)).close()
  await runSql(
    url,
    `DROP VIEW payments_readable; ALTER TABLE payments ALTER amount_cents TYPE numeric;
    ALTER TABLE leases ALTER instance_id TYPE varchar(9)`,
  )

  const starting = open(t, url, { startTimeoutMs: NEVER_WAITED_FOR_MS })

  await t.rejects(starting, {
    message:
      /payments\.amount_cents is not bigint, leases\.instance_id is not text; .*DATABASE\.md \(42804\)/,
  })
})

/** On a free port, or at a path. Its connections end with the test. */
async function listen(t: Test, at: 0 | string, serve: (client: Socket) => void): Promise<number> {
  const server = createServer((client) => {
    client.on('error', () => undefined)
    t.teardown(() => client.destroy())
    serve(client)
  })
  t.teardown(() => server.close())
  server.listen(at === 0 ? { port: 0, host: '127.0.0.1' } : { path: at })
  await once(server, 'listening')
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}

const NO_OPENSSL = 'no openssl on PATH'

/** Signed by itself; undefined where it cannot be made. */
async function makeCertificate(t: Test): Promise<{ key: string; cert: string } | undefined> {
  const folder = await makeEnterableFolder()
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const args = `req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout ${key}`
  if (spawnSync('openssl', [...args.split(' '), '-out', cert]).status !== 0) {
    missing(NO_OPENSSL)
    return undefined
  }
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
}

/** Held by who brings the tables up to date. */
const SCHEMA_LOCK = 7_052_028

interface Role {
  readonly name: string
  readonly password: string
}

/** A role that may log in and nothing else; not even what every role may by default. */
async function makeRole(url: string, name: string): Promise<Role> {
  await runSql(
    url,
    `CREATE ROLE ${name} LOGIN PASSWORD 'p'; REVOKE ALL ON SCHEMA public FROM PUBLIC`,
  )
  await runSql(url, `GRANT USAGE ON SCHEMA public TO ${name}`)
  return { name, password: 'p' }
}

function as(url: string, { name, password }: Role): string {
  return Object.assign(new URL(url), { username: name, password }).href
}

/** The blocks of SQL in the document. */
async function documentedRights(): Promise<readonly string[]> {
  const document = await readFile(join(projectFile('docs'), 'DATABASE.md'), 'utf8')
  return [...document.matchAll(/```sql\n([^]*?)```/g)].map(([, sql = '']) => sql)
}

type Options = Partial<Parameters<typeof createPostgresLedger>[0]>

async function open(t: Test, connectionString: string, options: Options = {}) {
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString, ...options })
  t.teardown(() => ledger.close())
  return ledger
}
