import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { existsSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { clockFinding, lineOfFinding, type Finding } from '../../src/cli/checks/finding.ts'
import { checkKeys } from '../../src/cli/checks/operator-keys.ts'
import { checkPorts } from '../../src/cli/checks/taken-ports.ts'
import { checkProcessor } from '../../src/cli/checks/processors.ts'
import { checkDatabase, checkEmbedded, checkRedis } from '../../src/cli/checks/stores.ts'
import { readConfig } from '../../src/config/config.ts'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { keyLine, newKey } from '../../src/infra/process/keys-file.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { LEDGER, runSql, startPostgres } from '../support/postgres.ts'
import { openRedis } from '../support/redis.ts'
import { CLI, runPit } from '../support/system-process.ts'

/** The findings about one thing, as `result: text`. */
function about(subject: string, findings: readonly Finding[]): readonly string[] {
  return findings
    .filter((finding) => finding.subject === subject)
    .map(({ result, text }) => `${result}: ${text}`)
}

interface Stub {
  /** What answers about its health have: 200 when absent. */
  readonly status?: number
  /** `cut`: the connection is closed instead. */
  readonly body: string
  /** What comes from the second question about its health on. */
  readonly laterStatus?: number
  readonly later?: string
  /** What it answers to all other questions; its health when absent. */
  readonly books?: string
  /** What it says of the time of day. */
  readonly date?: Date
  /** How long each of its answers takes. */
  readonly afterMs?: number
}

/** A server that answers as a processor does that something is wrong with. */
async function startStub(t: Test, stub: Stub): Promise<string> {
  const { status = 200, body, laterStatus = status, later = body, date, afterMs = 0 } = stub
  let probes = 0
  const server = createServer(({ url, socket }, response) => {
    const isProbe = url === '/payments/service-health'
    if (isProbe) probes += 1
    const health = probes > 1 ? { code: laterStatus, text: later } : { code: status, text: body }
    const { code, text } = isProbe ? health : { code: 200, text: stub.books ?? body }
    if (text === 'cut') return void socket.destroy()
    if (date !== undefined) response.setHeader('Date', date.toUTCString())
    setTimeout(() => response.writeHead(code).end(text), afterMs)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('before a first start doctor finds what is free, and leaves nothing behind', async (t) => {
  const cwd = t.testdir()
  const dataDir = join(cwd, 'data')
  const env = { PORT: String(await freePort()), OPS_PORT: '0', DATA_DIR: dataDir, LOG_LEVL: '1' }

  const { out, err } = await runPit(t, { program: CLI, args: ['doctor'], env, cwd }).ended()

  t.equal(err, '')
  t.match(out, /^ok +settings +can all be used$/m)
  t.match(out, /^warn +settings +LOG_LEVL is no setting/m)
  t.match(out, /^(ok|warn) +versions +Node \d/m)
  t.match(out, /^(ok|warn) +HTTP server /m)
  t.match(out, /^ok +keys +KEYS_FILE is not set/m)
  t.match(out, new RegExp(`^ok +PORT +${env.PORT} is free$`, 'm'))
  t.match(out, /^ok +database +none is set: a start brings its own/m)
  t.match(out, /^ok +processors +none are set/m)
  t.notOk(existsSync(dataDir))
})

t.test('settings that cannot be read are each a line that fails', async (t) => {
  const env = { PORT: 'x', OPS_PORT: '-1', LOG_LEVL: 'info' }

  const { code, out, err } = await runPit(t, { program: CLI, args: ['doctor'], env }).ended()

  t.match({ code, err }, { code: 1, err: '' })
  t.match(out, /^fails +settings +PORT is not a whole number/m)
  t.match(out, /^fails +settings +OPS_PORT is not a whole number/m)
  t.match(out, /^warn +settings +LOG_LEVL is no setting/m)
})

t.test('the file of keys is checked, and neither a key nor a hash is shown', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'keys')
  const findings = (...lines: string[]): string => {
    writeFileSync(file, lines.join('\n'))
    return lineOfFinding(checkKeys({ keysFile: file }))
  }
  const [ana, vi] = [newKey(), newKey()]
  const ofAna = keyLine(ana, { name: 'ana', scope: 'operate' })
  const ofVi = keyLine(vi, { name: 'vi', scope: 'view' })

  t.match(lineOfFinding(checkKeys({ keysFile: undefined })), /^ok +keys +KEYS_FILE is not set: /)
  t.match(findings(ofAna, ofVi), 'has 2 keys, 1 to view, 1 to operate')
  t.match(findings(ofVi), 'has 1 key, 1 to view, 0 to operate: nobody can give commands')
  t.match(findings(''), /^warn .* 0 keys: nobody can sign in; pit keys new makes one$/)
  const broken = findings(ofVi, ofAna.replace('operate', 'all'))
  t.match(broken, `KEYS_FILE: ${file} has in line 2 the scope all, which is none of view, operate`)
  t.match(broken, /^fails /)
  t.notMatch(broken, 'sha256')
  const missing = lineOfFinding(checkKeys({ keysFile: join(folder, 'none') }))
  t.match(missing, /^fails .* cannot be read by user \d+ \(ENOENT\)$/)
})

t.test('a database is found with its tables and rights, and stays as it was', async (t) => {
  const postgres = await startPostgres(t)
  const url = await postgres.freshDatabase()
  const fresh = await checkDatabase(url, 'configured')
  t.match(about('database', fresh), [/^ok: PostgreSQL \d+\.\d+, takes writes$/])
  t.match(about('tables', fresh), [/^ok: the next start makes them/])
  t.match(
    about('tables', await checkDatabase(url, 'configured')),
    [/^ok: the next start/],
    'it made none',
  )
  t.match(about('database clock', fresh), [/^ok: /])

  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: url })
  await ledger.close()
  t.same(about('tables', await checkDatabase(url, 'configured')), [
    'ok: are there, with all rights',
  ])

  await runSql(url, `CREATE ROLE poor LOGIN PASSWORD 'poor'; GRANT SELECT ON payments TO poor`)
  const poor = new URL(url)
  Object.assign(poor, { username: 'poor', password: 'poor' })
  t.match(about('tables', await checkDatabase(poor.href, 'configured')), [
    /^fails: the role lacks .*INSERT on payments.* see docs\/DATABASE.md$/,
  ])
  await runSql(
    url,
    `DROP VIEW payments_readable; ALTER TABLE payments DROP COLUMN amount_cents;
    ALTER TABLE payments ADD COLUMN amount_cents text`,
  )
  t.match(about('tables', await checkDatabase(url, 'configured')), [
    /^fails: payments.amount_cents is not/,
  ])
})

t.test('a column that is recorded and not there fails, an index is a warning', async (t) => {
  const postgres = await startPostgres(t)
  const url = await postgres.freshDatabase()
  await (await createPostgresLedger({ ...LEDGER, connectionString: url })).close()
  const told = async (): Promise<readonly string[]> =>
    about('tables', await checkDatabase(url, 'configured'))

  await runSql(url, 'DROP INDEX payments_settled')
  t.match(await told(), [/^warn: are there, but no index payments_settled: Pit gets slow; see/])

  await runSql(url, 'ALTER TABLE payments DROP COLUMN claimed_at')
  t.match(await told(), [/^fails: there is no payments.claimed_at, though applied_migrations/])
})

t.test('tables of another Pit, and those that nobody may bring up to date, are told', async (t) => {
  const postgres = await startPostgres(t)
  const url = await postgres.freshDatabase()
  const told = async (migrate: 'at-start' | 'never'): Promise<readonly string[]> =>
    about('tables', await checkDatabase(url, 'configured', migrate))
  t.match(await told('never'), [
    /^fails: payments\..* are missing and MIGRATE is never: run pit migr/,
  ])
  await (await createPostgresLedger({ ...LEDGER, connectionString: url })).close()

  await runSql(url, `UPDATE applied_migrations SET digest = 'other'`)
  t.match(await told('at-start'), [/^fails: migration 0001-tables is not the .* was changed since/])
  await runSql(url, 'DELETE FROM applied_migrations')
  t.match(await told('at-start'), [
    'ok: are there, with all rights; a start brings them up to date',
  ])
  t.match(await told('never'), [
    /^fails: 0002-histories(?:, 0\d+-[a-z-]+)*(?: and more)? are missing and MIGRATE is never/,
  ])
})

t.test('a database that cannot be used is told with its reason and no password', async (t) => {
  const postgres = await startPostgres(t)
  const url = new URL(await postgres.freshDatabase())
  const none = new URL(url)
  none.pathname = '/nothing'
  const closed = new URL(url)
  closed.port = String(await freePort())
  await runSql(
    url.href,
    `ALTER DATABASE ${url.pathname.slice(1)} SET default_transaction_read_only = on`,
  )

  const told = async (given: URL): Promise<readonly string[]> =>
    about('database', await checkDatabase(given.href, 'configured'))

  t.match(await told(none), [/^fails: DATABASE_URL: .*does not exist.*3D000/])
  t.match(await told(closed), [/^fails: DATABASE_URL: .*ECONNREFUSED/])
  t.match(await told(url), [/^fails: PostgreSQL .* takes no writes/])
  t.notMatch(String(await told(closed)), url.password === '' ? 'postgres:' : url.password)
})

t.test('an embedded database needs a folder that can be written', async (t) => {
  const folder = t.testdir({ file: '' })
  const checked = (dataDir: string) => checkEmbedded(readConfig({ DATA_DIR: dataDir }))

  t.match(await checked(join(folder, 'a/b')), [{ result: 'ok' }])
  t.match(await checked(join(folder, 'file/b')), [{ result: 'fails', text: /DATA_DIR/ }])
})

const HEALTHY = '{"failing":false,"minResponseTime":7}'
const SUMMARY = '{"totalRequests":0,"totalAmount":0,"totalFee":0,"feePerTransaction":0.05}'

const check = (url: string, token?: string): Promise<readonly Finding[]> =>
  checkProcessor({ name: 'default', url, token })

t.test('a processor is asked for its health, its books and its time', async (t) => {
  const simulator = await startSimulator({ port: 0, feeRate: 0.05 })
  t.teardown(() => simulator.close())

  const right = await check(simulator.url, '123')
  t.match(about('default', right), ['ok: says that it works, and answers in 0 ms'])
  t.match(about('default books', right), ['ok: PROCESSOR_TOKEN opens them'])
  const wrong = await check(simulator.url, 'wrong')
  t.match(about('default books', wrong), [/^warn: answered 40\d: PROCESSOR_TOKEN is not/])
  t.match(about('default books', await check(simulator.url)), [/^warn: PROCESSOR_TOKEN is unset/])

  const failing = await startStub(t, { body: '{"failing":true,"minResponseTime":0}' })
  t.match(about('default', await check(failing)), [/^warn: says of itself that it fails/])
  const silent = `http://127.0.0.1:${await freePort()}`
  t.match(about('default', await check(silent)), [/^fails: .*ECONNREFUSED.*PROCESSOR_DEFAULT_URL$/])
  const late = await startStub(t, { body: HEALTHY, date: new Date(Date.now() - 60_000) })
  t.match(about('default clock', await check(late)), [/^warn: is \d+\.\d s behind/])
  const timely = await startStub(t, { body: HEALTHY })
  t.match(about('default clock', await check(timely)), [/^ok: /])
})

t.test('a health that Pit could not read is that of no processor', async (t) => {
  const bodies = ['<html>', '{"failing":false}', '{"failing":false,"minResponseTime":-5}', 'null']
  for (const body of bodies) {
    const found = about('default', await check(await startStub(t, { body })))
    t.match(found, [/^fails: .* no processor$/], body)
  }
})

t.test('a processor whose health is not to be had may work all the same', async (t) => {
  const failing = await startStub(t, { status: 500, body: '', books: SUMMARY })
  const found = await check(failing, '123')
  t.match(about('default', found), [/^warn: answers 500 .*: its health is not known/])
  t.match(about('default books', found), [/^ok: /])

  const cut = await startStub(t, { body: 'cut', books: SUMMARY })
  t.match(about('default', await check(cut)), [/^warn: no answer.* about its health/])
})

t.test('nobody is called healthy because others ask more often', async (t) => {
  const again = await startStub(t, { status: 429, body: '', laterStatus: 200, later: HEALTHY })
  const never = await startStub(t, { status: 429, body: '' })
  const [once, always] = await Promise.all([check(again), check(never)])

  t.match(about('default', once), ['ok: says that it works, and answers in 7 ms'])
  t.match(about('default', always), [/^warn: others ask for its health too often/])
})

t.test('books that are none, or are not shown, are a warning about books alone', async (t) => {
  const page = await startStub(t, { body: HEALTHY, books: '<html>' })
  const cut = await startStub(t, { body: HEALTHY, books: 'cut' })
  for (const [url, why] of [
    [page, /^warn: its answer is no summary/],
    [cut, /^warn: no answer.*: nobody can compare/],
  ] as const) {
    const found = await check(url, '123')
    t.match(about('default', found), ['ok: says that it works, and answers in 7 ms'])
    t.match(about('default books', found), [why])
  }
})

t.test('a probe that had to wait for its turn is no silent processor', async (t) => {
  const url = await startStub(t, { body: HEALTHY, afterMs: 5_200 })

  t.match(about('default', await check(url)), ['ok: says that it works, and answers in 7 ms'])
})

t.test('clocks are judged only beyond what the measurement may be wrong by', async (t) => {
  t.match(clockFinding('x', { aheadMs: 1_900, uncertainMs: 1_000 }), { result: 'ok' })
  t.match(clockFinding('x', { aheadMs: -2_100, uncertainMs: 1_000 }), {
    result: 'warn',
    text: /2\.1 s behind/,
  })
  t.match(clockFinding('x', { aheadMs: 2_100, uncertainMs: 0 }), { text: /2\.1 s ahead of/ })
})

t.test('a line of doctor has a space behind its subject, however long that is', async (t) => {
  const line = (subject: string): string => lineOfFinding({ result: 'ok', subject, text: 'is so' })

  t.equal(line('PORT'), 'ok     PORT            is so')
  t.equal(line('SIMULATOR_DEFAULT_PORT'), 'ok     SIMULATOR_DEFAULT_PORT is so')
})

t.test('a port that another program has fails, with its setting', async (t) => {
  const stub = await startStub(t, { status: 200, body: 'somebody else' })
  const { port } = new URL(stub)
  const processors = { PROCESSOR_DEFAULT_URL: 'http://a', PROCESSOR_FALLBACK_URL: 'http://b' }
  const checked = (env: Readonly<Record<string, string>>) =>
    checkPorts(readConfig({ ...processors, ...env }), undefined)

  const taken = await checked({ PORT: port, OPS_PORT: '0' })
  t.match(about('PORT', taken), [
    `fails: ${port} is taken by another program: stop it, or set PORT`,
  ])
  t.match(about('OPS_PORT', taken), ['ok: 0: nowhere'])
  const ops = await checked({ PORT: '0', OPS_PORT: port })
  t.match(about('OPS_PORT', ops), [/^fails: .* set OPS_PORT$/])
  const socket = await checked({ LISTEN_SOCKET: '/nowhere/pit.sock', OPS_PORT: '0' })
  t.match(about('LISTEN_SOCKET', socket), [/^fails: its folder cannot be written: .*ENOENT/])
})

t.test('Redis that does not answer is a warning, one that refuses a failure', async (t) => {
  const silent = await checkRedis(
    readConfig({ REDIS_URL: `redis://127.0.0.1:${await freePort()}` }),
  )
  t.match(silent, [{ result: 'warn', text: /^REDIS_URL: it does not answer; Pit runs without/ }])
  const redis = await openRedis(t)
  if (redis === undefined) return
  const there = await checkRedis(readConfig({ REDIS_URL: redis.url }))
  t.match(there, [{ result: 'ok', text: /^Redis \d/ }])
  const far = new URL(redis.url)
  far.pathname = '/99999'
  t.match(await checkRedis(readConfig({ REDIS_URL: far.href })), [{ result: 'fails' }])
})
