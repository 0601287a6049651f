import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chown, readFile, readdir, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { compareBooks, simulatorLedgers } from '../support/books.ts'
import { copyTemplate, makeEnterableFolder } from '../support/postgres.ts'
import { seeded } from '../support/seeded.ts'
import { openPitClient, whileRefused } from '../support/system-client.ts'
import { CLI, MAIN, embeddedServer, endEmbeddedServer, runPit } from '../support/system-process.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'

/** The log of a start that did nothing: one line. */
const ONLY_WHY_IT_FAILED = /^\{[^\n]*"msg":"process.failed"\}\n$/

/** The user that owns nothing, on Debian as elsewhere. */
const NOBODY = { uid: 65_534, gid: 65_534 }

t.test('Pit refuses an argument that it does not know, and starts nothing', async (t) => {
  for (const args of [['--halp'], ['--help', 'me']]) {
    const { code, out, err } = await runPit(t, { args }).ended()

    t.match({ code, out, err }, { code: 2, out: '', err: `unknown argument ${args.at(-1)};` })
  }
})

t.test('Pit refuses a demo at processors of others with one sentence', async (t) => {
  const env = { PROCESSOR_DEFAULT_URL: 'http://a', PROCESSOR_FALLBACK_URL: 'http://b' }
  const { code, out, err } = await runPit(t, { args: ['--demo'], env }).ended()

  t.match({ code, out, err }, { code: 2, out: '', err: /^pit: --demo [^\n]*\n$/ })
})

t.test('Pit prints every variable with its default for --help, and exits', async (t) => {
  const { code, out, err } = await runPit(t, { args: ['--help'] }).ended()

  t.equal(code, 0)
  t.equal(err, '')
  for (const name of ['PORT', 'LISTEN_SOCKET', 'DATABASE_URL', 'REDIS_URL', 'ALLOW_PURGE'])
    t.match(out, name)
  t.match(out, /IN_DOUBT_HORIZON_MS.*20.?000/)
})

t.test('all wrong settings are reported at once, and nothing is started', async (t) => {
  const dataDir = await folder(t)
  const env = { DATA_DIR: dataDir, PORT: 'x', ALLOW_PURGE: 'maybe', REDIS_URL: 'http://redis' }
  const { code, out, err } = await runPit(t, { env }).ended()

  t.equal(code, 2)
  t.equal(out, '')
  for (const name of ['PORT', 'ALLOW_PURGE', 'REDIS_URL'])
    t.match(err, new RegExp(`^  ${name} `, 'm'))
  t.notMatch(err, /^ +at /m, 'no stack')
})

t.test(
  'a start on a port that is taken fails with one sentence and leaves nothing running',
  async (t) => {
    const dataDir = await folder(t)
    await copyTemplate(dataDir)
    const before = await readdir(dataDir)
    const port = await openServer(t)
    const { env } = await processors(t)

    const pit = runPit(t, { env: { ...env, DATA_DIR: dataDir, PORT: String(port), OPS_PORT: '0' } })
    const { code, out, err } = await pit.ended()

    t.equal(code, 1)
    t.match(err, new RegExp(`^pit: cannot listen on PORT=${port}: the port is taken[^\n]*\n$`))
    t.match(out, ONLY_WHY_IT_FAILED)
    t.same(await readdir(dataDir), before, 'nothing is made')
    t.equal(await embeddedServer(dataDir), undefined)
  },
)

t.test(
  'a start beside another Pit names each setting whose port is taken, in one line, and makes nothing',
  async (t) => {
    const dataDir = join(await folder(t), 'new')
    const taken = await Promise.all([1, 2, 3, 4].map(() => openServer(t)))
    const names = ['PORT', 'OPS_PORT', 'SIMULATOR_DEFAULT_PORT', 'SIMULATOR_FALLBACK_PORT']
    const settings = names.map((name, at) => [name, String(taken[at])] as const)

    const env = { DATA_DIR: dataDir, ...Object.fromEntries(settings) }
    const { code, out, err } = await runPit(t, { env }).ended()

    t.equal(code, 1)
    const all = settings.map(([name, port]) => `${name}=${port}`).join(', ')
    t.match(err, new RegExp(`^pit: cannot listen on ${all}: the port is taken[^\n]*\n$`))
    t.match(out, ONLY_WHY_IT_FAILED)
    t.notOk(existsSync(dataDir))
  },
)

t.test('addresses that cannot be had for several reasons are told each with its own', async (t) => {
  const socket = await folder(t)
  const dataDir = join(socket, 'new')
  const taken = await openServer(t)
  const places = { LISTEN_SOCKET: socket, OPS_PORT: String(taken), ...(await ownSimulators()) }

  const { code, err } = await runPit(t, { env: { DATA_DIR: dataDir, ...places } }).ended()

  t.equal(code, 1)
  t.match(err, `LISTEN_SOCKET=${socket}: a file is there that is not a socket; OPS_PORT=${taken}: `)
  t.match(err, /^pit: cannot listen on [^\n]*: the port is taken[^\n]*\n$/)
  t.notOk(existsSync(dataDir))
})

t.test('HTTP_SERVER=uws that does not load ends a start before anything is made', async (t) => {
  const dataDir = join(await folder(t), 'new')
  const dataUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`
  const hook = `export async function resolve(name, context, next) {
    if (name === 'uWebSockets.js') throw new Error('left out')
    return next(name, context)
  }`
  const plant = `import { register } from 'node:module'\nregister(${JSON.stringify(dataUrl(hook))})`
  const places = { DATA_DIR: dataDir, PORT: '0', OPS_PORT: '0', ...(await ownSimulators()) }
  const env = { ...places, HTTP_SERVER: 'uws', NODE_NO_WARNINGS: '1' }

  const { code, out, err } = await runPit(t, {
    env,
    nodeArgs: ['--import', dataUrl(plant)],
  }).ended()

  t.equal(code, 1)
  t.match(err, /^pit: HTTP_SERVER: uWebSockets.js does not load: [^\n]*\n/)
  t.match(out, ONLY_WHY_IT_FAILED)
  t.notOk(existsSync(dataDir))
})

t.test('a signal while PostgreSQL is made is answered at once, and Pit never starts', async (t) => {
  const dataDir = join(await folder(t), 'new')
  const { env } = await processors(t)
  const pit = runPit(t, { env: { ...env, DATA_DIR: dataDir, PORT: '0', OPS_PORT: '0' } })

  await pit.says('making a PostgreSQL')
  pit.kill('SIGINT')
  await pit.says('stopping once PostgreSQL has started\n')
  pit.kill('SIGINT')
  const { code, out, err } = await pit.ended()

  t.match({ code, err }, { code: 0, err: '' })
  t.match(out, /^making a PostgreSQL [^\n]*\nstopping once PostgreSQL has started\n$/)
  t.equal(await embeddedServer(dataDir), undefined)
})

t.test('a start that a signal interrupts leaves nothing running', async (t) => {
  const dataDir = await folder(t)
  await copyTemplate(dataDir)
  const { env } = await processors(t)
  const pit = runPit(t, { env: { ...env, DATA_DIR: dataDir, PORT: '0', OPS_PORT: '0' } })

  await waitUntil({ what: 'PostgreSQL runs' }, async () => {
    return (await embeddedServer(dataDir)) !== undefined
  })
  pit.kill('SIGINT')
  const { code, out } = await pit.ended()

  t.equal(code, 0)
  t.match(out, /^stopping once (PostgreSQL|Pit) has started$/m)
  t.notMatch(out, 'started Pit')
  t.equal(await embeddedServer(dataDir), undefined)
})

t.test(
  'Pit without configuration starts all it needs, and keeps its payments over a restart',
  async (t) => {
    const dataDir = await folder(t)
    const account = await otherAccount(dataDir)
    const port = await freePort()
    const places = { DATA_DIR: join(dataDir, 'new'), PORT: String(port), OPS_PORT: '0' }
    const env = { ...places, ...(await ownSimulators()) }
    const client = openPitClient(t, `http://127.0.0.1:${port}`)
    const isSettled = async (id = ''): Promise<boolean> => {
      const paymentStatus = await client.paymentStatus(id)
      return typeof paymentStatus === 'object' && paymentStatus.state === 'settled'
    }

    const first = runPit(t, { env, account, args: ['--demo'] })
    await first.says('try:')
    t.match(first.out, /^making a PostgreSQL in [^]*^started PostgreSQL with/m)
    const [post = '', read] = first.out.match(/^ {2}curl .*$/gm) ?? []
    t.match(read, `curl http://localhost:${port}/payments-summary`)
    const [, printed = ''] = / -d '([^']+)'$/.exec(post) ?? []
    t.equal(await client.status('POST', '/payments', printed), 202, 'no shell has to fill it in')
    const [id] = await client.postAll(20)
    await waitUntil({ what: 'it is settled' }, () => isSettled(id))
    t.match(first.out, 'demo: 3 payments a second')
    t.ok(existsSync(join(env.DATA_DIR, 'simulator-default.ledger')))
    first.kill('SIGINT')
    t.match(await first.ended(), { code: 0, err: '' })
    t.equal(await embeddedServer(env.DATA_DIR), undefined)

    const second = runPit(t, { env, account })
    await second.says('try:')
    t.notMatch(second.out, 'making', 'nothing is made a second time')
    await waitUntil({ what: 'the payment is still there' }, () => isSettled(id))
    const other = { correlationId: id ?? '', amountCents: 100_001 }
    t.equal(await whileRefused(() => client.post(other)), 409)
    // What the stop parked is settled a little later.
    await waitUntil({ what: 'the books are equal at both sides' }, async () => {
      const { code, out } = await command(t, '/', ['reconcile'], { DATA_DIR: env.DATA_DIR })
      return code === 0 && /default: equal;[^]*fallback: equal;/.test(out)
    })
    second.kill('SIGTERM')
    t.match(await second.ended(), { code: 0, err: '' })
  },
)

t.test('beside a Pit without configuration the commands need none either', async (t) => {
  const cwd = await folder(t)
  const dataDir = join(cwd, '.data')
  await copyTemplate(dataDir)
  const [port, opsPort] = [await freePort(), await freePort()]
  const places = { PORT: String(port), OPS_PORT: String(opsPort), ...(await ownSimulators()) }
  const env = { ...places, INSTANCE_ID: 'spec-commands' }
  const client = openPitClient(t, `http://127.0.0.1:${port}`)
  const pit = runPit(t, { env, cwd })
  await pit.says('try:')
  for (const id of await client.postAll(3)) {
    await waitUntil({ what: 'it is settled' }, async () => {
      const paymentStatus = await client.paymentStatus(id)
      return typeof paymentStatus === 'object' && paymentStatus.state === 'settled'
    })
  }

  const shown = await command(t, cwd, ['status', '--once'])
  t.match(shown, { code: 0, out: /instance=spec-commands .* ready=true accepted=3 / })
  // What is told as settled may still be on its way to PostgreSQL.
  await waitUntil({ what: 'the books are equal' }, async () => {
    const compared = await command(t, cwd, ['reconcile'])
    return compared.code === 0 && /default: equal;[^]*fallback: equal;/.test(compared.out)
  })
  t.match(await command(t, cwd, ['rejected']), { code: 0, out: 'no payment is rejected\n' })
  const elsewhere = { DATABASE_URL: `postgres://pit@127.0.0.1:${port}/pit` }
  t.match(await command(t, cwd, ['rejected'], elsewhere), { code: 3, out: '' }, 'what is set wins')
  const password = await readFile(join(dataDir, 'password'), 'utf8')
  t.match(await runPit(t, { env, cwd }).ended(), { err: /^pit: a Pit already runs on .data \(pid/ })
  for (const name of await holding(password, dataDir)) {
    t.equal((await stat(join(dataDir, name))).mode & 0o777, 0o600, name)
  }

  pit.kill('SIGINT')
  const { code, out, err } = await pit.ended()

  t.equal(code, 0)
  t.notMatch(out + err, password)
  t.same(await holding(password, dataDir), ['password'])
  const missing = `DATABASE_URL is not set, and no dev stack runs on ${dataDir}`
  for (const name of ['reconcile', 'rejected']) {
    t.match(await command(t, cwd, [name]), { code: 2, out: '', err: missing })
  }
  const silent = await command(t, cwd, ['status', '--once'])
  t.match(silent, { code: 3, err: `no dev stack runs on ${dataDir}` })
})

t.test('commands say that the Pit of a data folder was killed, until it runs again', async (t) => {
  const cwd = await folder(t)
  const dataDir = join(cwd, 'data')
  await copyTemplate(dataDir)
  const { env: urls } = await processors(t)
  const env = { ...urls, DATA_DIR: dataDir, PORT: '0', OPS_PORT: '0' }
  const first = runPit(t, { env })
  await first.says('try:')
  first.kill('SIGKILL')
  await first.ended()

  for (const name of ['reconcile', 'rejected']) {
    const told = await command(t, cwd, [name], { DATA_DIR: dataDir })

    t.match(told, { code: 2, out: '', err: `the dev stack on ${dataDir} has ended` })
  }
  const second = runPit(t, { env })
  await second.says('try:')

  const listed = await command(t, cwd, ['rejected'], { DATA_DIR: dataDir })
  const places = { DATA_DIR: dataDir, PROCESSOR_TOKEN: '123' }
  const compared = await command(t, cwd, ['reconcile'], places)
  const untold = await command(t, cwd, ['reconcile'], { DATA_DIR: dataDir })

  t.match(listed, { code: 0, out: 'no payment is rejected\n' })
  t.match(compared, { code: 0, err: '', out: 'equal' }, 'at the processors that Pit pays at')
  t.match(untold, { code: 2, err: 'PROCESSOR_TOKEN is not set' }, 'of those Pit keeps no token')
  second.kill('SIGTERM')
  t.match(await second.ended(), { code: 0 })
})

t.test('a killed Pit settles what it had accepted once it is started again', async (t) => {
  const dataDir = await folder(t)
  await copyTemplate(dataDir)
  const port = await freePort()
  const { env: urls, simulators } = await processors(t)
  const env = {
    ...urls,
    DATA_DIR: dataDir,
    PORT: String(port),
    OPS_PORT: '0',
    LEASE_TTL_MS: '1000',
    ATTEMPT_TIMEOUT_MS: '1000',
    IN_DOUBT_HORIZON_MS: '2500',
    PROCESSOR_CONCURRENCY: '40',
  }
  const books = {
    client: openPitClient(t, `http://127.0.0.1:${port}`),
    ledgers: simulatorLedgers(() => simulators),
  }
  simulators.default.setDelay(500)

  const first = runPit(t, { env })
  await first.says('try:')
  await books.client.postAll(150)
  await waitUntil({ what: 'some are sent' }, () => {
    return simulators.default.sends().received >= 20
  })
  first.kill('SIGKILL')
  await first.ended()
  simulators.default.setDelay(0)
  const second = runPit(t, { env })
  await second.says('try:')

  const seed = Date.now() % 1_000_000
  const faults = await compareBooks(books, seeded(seed))
  t.strictSame(faults, [], `the books agree (windows of seed ${seed})`)
  second.kill('SIGTERM')
  t.match(await second.ended(), { code: 0 })
})

/** A folder for data, gone at the test's end with the server that may still run on it. */
async function folder(t: Test): Promise<string> {
  const path = await makeEnterableFolder()
  t.teardown(async () => {
    for (const name of ['', 'new', 'data', '.data']) await endEmbeddedServer(join(path, name))
    await rm(path, { recursive: true, force: true })
  })
  return path
}

async function processors(t: Test) {
  const simulators = {
    default: await startSimulator({ port: 0, feeRate: 0.05, name: 'default' }),
    fallback: await startSimulator({ port: 0, feeRate: 0.15, name: 'fallback' }),
  }
  t.teardown(() => Promise.all([simulators.default.close(), simulators.fallback.close()]))
  const env = {
    PROCESSOR_DEFAULT_URL: simulators.default.url,
    PROCESSOR_FALLBACK_URL: simulators.fallback.url,
  }
  return { env, simulators }
}

/** As `npx pit` runs one in this folder. */
async function command(
  t: Test,
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  return await runPit(t, { program: CLI, args, env, cwd }).ended()
}

/** Files of this folder, but not of those in it, that hold the text. */
async function holding(text: string, path: string): Promise<readonly string[]> {
  const names = (await readdir(path, { withFileTypes: true })).filter((each) => each.isFile())
  const texts = await Promise.all(
    names.map(async ({ name }) => [name, await readFile(join(path, name), 'utf8')] as const),
  )
  return texts.filter(([, each]) => each.includes(text)).map(([name]) => name)
}

/** A server of somebody else, until the test's end; its port. */
async function openServer(t: Test): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}

/** Simulators on free ports, so that a Pit that the machine runs already is no obstacle. */
async function ownSimulators(): Promise<Readonly<Record<string, string>>> {
  return {
    SIMULATOR_DEFAULT_PORT: String(await freePort()),
    SIMULATOR_FALLBACK_PORT: String(await freePort()),
  }
}

/** As root: an ordinary user, if that one may read the program at all. It gets the folder. */
async function otherAccount(path: string): Promise<typeof NOBODY | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const probe = `require('node:fs').accessSync(${JSON.stringify(MAIN)})`
  const { status } = spawnSync(process.execPath, ['-e', probe], { ...NOBODY, cwd: '/' })
  if (status !== 0) return undefined
  await chown(path, NOBODY.uid, NOBODY.gid)
  return NOBODY
}
