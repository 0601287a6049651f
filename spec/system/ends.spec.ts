// How Pit's process ends, and what is left: after a hang-up, a refused start, and the death of its
// own PostgreSQL.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { GIVE_UP_MS, waitUntil } from '../../bench/layout/wait.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { copyTemplate, makeEnterableFolder } from '../support/postgres.ts'
import { startTellingProcessor } from '../support/raw-processor.ts'
import { NO_REDIS, startRedis } from '../support/redis.ts'
import { missing } from '../support/requirements.ts'
import { openPitClient, whileRefused } from '../support/system-client.ts'
import { MAIN, embeddedServer, endEmbeddedServer, runPit } from '../support/system-process.ts'

t.test('a hang-up drains Pit, although nobody reads what it says any more', async (t) => {
  const { pit, client, dataDir } = await startEmbedded(t)
  await client.postAll(5)

  pit.hangUp()

  t.equal((await pit.ended()).code, 0)
  t.equal(await embeddedServer(dataDir), undefined)
})

t.test('a terminal that hangs up drains Pit', async (t) => {
  const { dataDir, env } = await prepare(t)
  const codeFile = join(dataDir, 'code')
  // A shell passes the hang-up on, outlives the terminal and keeps the exit code.
  const hangUp = `trap "kill -HUP $!" HUP; wait $!; wait $!; echo $? > ${codeFile}`
  const command = `${process.execPath} ${MAIN} & ${hangUp}`
  const terminal = spawn('script', ['-qfc', command, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', SHELL: '/bin/sh', ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let out = ''
  terminal.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()))
  const isThere = await Promise.race([
    once(terminal, 'spawn').then(() => true),
    once(terminal, 'error').then(() => false),
  ])
  if (!isThere) return t.plan(0, missing('no script on PATH'))
  t.teardown(() => terminal.kill('SIGKILL'))
  await waitUntil({ what: 'it has started' }, () => out.includes('try:'))

  terminal.kill('SIGKILL')

  const code = (): Promise<string> => readFile(codeFile, 'utf8').catch(() => '')
  await waitUntil({ what: 'it has ended' }, async () => (await code()) !== '')
  t.equal((await code()).trim(), '0')
  t.equal(await embeddedServer(dataDir), undefined)
})

t.test('a start that fails at a terminal says why once, in its last line', async (t) => {
  const { env } = await processors(t)
  const wrong = { DATABASE_URL: 'postgres://pit@127.0.0.1:1/pit?sslrootcert=/nowhere/ca.pem' }
  const command = `exec ${process.execPath} ${MAIN}`
  const { error, status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', SHELL: '/bin/sh', ...env, ...wrong },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: GIVE_UP_MS,
    encoding: 'utf8',
  })
  if (error !== undefined) return t.plan(0, missing('no script on PATH'))

  t.equal(status, 1)
  t.equal(stdout.match(/no such file/g)?.length, 1)
  t.match(stdout, /^pit: DATABASE_URL: ENOENT: no such file [^\n]*\r\n$/m)
})

t.test('a full disk under the log does not keep Pit from ending', async (t) => {
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  const env = { DATABASE_URL: 'postgres://pit@127.0.0.1:1/pit?sslrootcert=/nowhere/ca.pem' }
  const { env: urls } = await processors(t)

  const { status, stderr } = spawnSync(process.execPath, [MAIN], {
    env: { PATH: process.env['PATH'] ?? '', ...urls, ...env },
    stdio: ['ignore', full, 'pipe'],
    timeout: GIVE_UP_MS,
  })

  t.equal(status, 1)
  t.match(stderr.toString(), /^pit: DATABASE_URL: /)
})

t.test('a stop resets the connections of charges that nobody has answered', async (t) => {
  const { processor, ends } = await startTellingProcessor(t)
  const { pit, client } = await startEmbedded(t, { PROCESSOR_DEFAULT_URL: processor.url })
  await client.postAll(2)
  const charges = () => processor.requests.filter(({ method }) => method === 'POST')
  await waitUntil({ what: 'it is charged' }, () => charges().length > 0)

  pit.kill('SIGTERM')

  t.equal((await pit.ended()).code, 0)
  t.same(
    [...new Set(await Promise.all(ends))],
    ['ECONNRESET'],
    'the kernel sends nothing of it later',
  )
})

t.test('Pit goes on after its own PostgreSQL was killed', async (t) => {
  const { pit, client, dataDir } = await startEmbedded(t)
  const [id = ''] = await client.postAll(1)
  const before = await embeddedServer(dataDir)

  process.kill(before ?? NaN, 'SIGKILL')

  t.equal(await whileRefused(() => client.post()), 202)
  t.not(await embeddedServer(dataDir), before)
  await waitUntil({ what: 'what was accepted before is told' }, async () => {
    return typeof (await client.paymentStatus(id)) === 'object'
  })
  pit.kill('SIGTERM')
  t.equal((await pit.ended()).code, 0)
  t.equal(await embeddedServer(dataDir), undefined)
})

t.test('Pit ends and says why when its own PostgreSQL does not run again', async (t) => {
  const { pit, dataDir } = await startEmbedded(t)
  const control = join(dataDir, 'cluster', 'global', 'pg_control')
  await rename(control, `${control}.gone`)

  process.kill((await embeddedServer(dataDir)) ?? NaN, 'SIGKILL')

  const { code, err, out } = await pit.ended()
  t.equal(code, 1)
  t.match(err, /^pit: PostgreSQL on .* has ended and does not run again: [^\n]*\n$/)
  t.match(out, /"msg":"process.failed"/)
})

t.test('a start that cannot succeed ends at once, by the name of its variable', async (t) => {
  const redis = await startRedis(t)
  if (redis === undefined) return t.plan(0, NO_REDIS)
  const nowhere = `postgres://pit@127.0.0.1:${await freePort()}/pit`
  const refused: readonly (readonly [env: Record<string, string>, err: RegExp])[] = [
    [
      { DATABASE_URL: nowhere, REDIS_URL: `${redis.url}/99` },
      /^pit: REDIS_URL: ERR DB index is out of range[^\n]*\n$/,
    ],
    [
      { DATABASE_URL: `${nowhere}?sslrootcert=/nowhere/ca.pem` },
      /^pit: DATABASE_URL: ENOENT: no such file or directory, open '\/nowhere\/ca.pem'\n$/,
    ],
  ]
  const { env } = await processors(t)

  for (const [more, message] of refused) {
    const pit = runPit(t, { env: { ...env, PORT: '0', OPS_PORT: '0', ...more } })
    const { code, err, out } = await pit.ended()
    t.equal(code, 1)
    t.match(err, message)
    t.match(out, /"msg":"process.failed"/, 'the log says it too')
    t.notMatch(out, /ledger.waiting/, 'nothing was waited for')
  }
})

async function startEmbedded(t: Test, more: Readonly<Record<string, string>> = {}) {
  const { dataDir, port, env } = await prepare(t)
  const pit = runPit(t, { env: { ...env, ...more } })
  await pit.says('try:')
  return { pit, dataDir, client: openPitClient(t, `http://127.0.0.1:${port}`) }
}

/** A data folder that is made already, and the settings that use it. */
async function prepare(t: Test) {
  const dataDir = await makeEnterableFolder()
  t.teardown(async () => {
    await endEmbeddedServer(dataDir)
    await rm(dataDir, { recursive: true, force: true })
  })
  await copyTemplate(dataDir)
  const port = await freePort()
  const { env } = await processors(t)
  const settings = { PORT: String(port), OPS_PORT: '0', SHUTDOWN_DEADLINE_MS: '3000' }
  return { dataDir, port, env: { ...env, ...settings, DATA_DIR: dataDir } }
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
  return { env }
}
