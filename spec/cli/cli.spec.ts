import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { figuresOf } from '../../src/cli/figures.ts'
import { parseSamples } from '../../src/cli/samples.ts'
import { loadWebServer } from '../../src/server/load-server.ts'
import { lineOf, tableOf } from '../../src/cli/table.ts'
import { startOps } from '../../src/http/ops.ts'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { createMetrics } from '../../src/infra/metrics/metrics.ts'
import { projectFile } from '../../src/infra/process/project-file.ts'
import { exitCodeOf } from '../../src/operator/failures.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { freePort } from '../../src/infra/process/free-port.ts'
import { LEDGER, runSql, startPostgres } from '../support/postgres.ts'

/** As `npx pit` runs it; `npm test` builds it before. */
const CLI = projectFile('dist/cli/cli.js')

const COMMANDS =
  'start doctor status tail pay show find reconcile rejected migrate keys pause resume hold drain audit'.split(
    ' ',
  )

/** Lines that a terminal of 80 columns would break. */
function tooLong(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.length > 80)
}

/** With the Node and the server that run under it. */
const VERSION = /^\d+\.\d+\.\d+ \(Node \d+\.\d+\.\d+, (uWebSockets\.js|node:http).*\)\n$/

function run(t: Test, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { PATH: process.env['PATH'], ...env },
  })
  t.teardown(() => child.kill('SIGKILL'))
  return { child, ended: once(child, 'close') as Promise<[number | null, string | null]> }
}

async function finish(t: Test, ...args: readonly string[]) {
  const { child, ended } = run(t, args)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { out, err, code }
}

/** An operators' port whose metrics count `accepted` payments more at each scrape. */
async function startCounting(t: Test, accepted: number): Promise<string> {
  const fees = { default: 0.05, fallback: 0.15 }
  const metrics = createMetrics({ instanceId: 'spec', version: '1.2.3', fees })
  const ops = await startOps({
    webServer: await loadWebServer('auto'),
    host: '127.0.0.1',
    port: 0,
    whyNotReady: () => undefined,
    version: '1.2.3',
    metrics: () => {
      const counts = { accepted, known: 0, conflicting: 0 }
      metrics.telemetry.emit({ type: 'batch.accepted', ...counts, parked: false, tookMs: 1 })
      for (let payment = 0; payment < accepted; payment += 1) metrics.latency.record(1_100)
      return metrics.scrape({
        isReady: () => true,
        holdsLease: () => true,
        edge: () => ({ refused: 2, inFlight: 0 }),
        redisFailures: () => new Map(),
        consoleBugs: () => 1,
        countOpen: () => Promise.resolve({ parked: 4, owned: 1, oldestMs: 19_500 }),
      })
    },
  })
  t.teardown(() => ops.close())
  return `http://127.0.0.1:${ops.port}`
}

t.test('pit lists its commands, and names what is wrong with a command line', async (t) => {
  const [help, none, odd, version] = await Promise.all([
    finish(t, '--help'),
    finish(t),
    finish(t, 'sattus'),
    finish(t, '--version'),
  ])

  t.match(help, { code: 0, err: '', out: /^Exit codes: 0 /m })
  for (const name of [...COMMANDS, 'simulator', 'challenge']) {
    t.match(help.out, new RegExp(`^ {2}${name} +[A-Z]`, 'm'))
  }
  t.match(none, { code: 2, out: '', err: 'Usage: pit <command>' })
  t.match(odd, { code: 2, out: '', err: 'pit has no command sattus; did you mean status?' })
  t.same(tooLong(help.out), [])
  t.match(version, { code: 0, err: '', out: VERSION })
})

t.test('the version is told whatever the settings are', async (t) => {
  const told = async (env: NodeJS.ProcessEnv) => {
    const { child, ended } = run(t, ['--version'], env)
    const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
    return { out, err, code }
  }

  t.match(await told({ PORT: 'x', HTTP_SERVER: 'node' }), {
    code: 0,
    err: '',
    out: /^\d+\.\d+\.\d+ \(Node \d+\.\d+\.\d+, node:http\)\n$/,
  })
  t.match(await told({ HTTP_SERVER: 'odd', DATABASE_URL: 'x' }), { code: 0, err: '', out: VERSION })
})

t.test('the linked program exists before the first build, and asks for one', async (t) => {
  const linked = projectFile('bin/pit.js')
  accessSync(linked, constants.X_OK)
  const bare = t.testdir()
  mkdirSync(join(bare, 'bin'))
  copyFileSync(linked, join(bare, 'bin/pit.mjs'))
  const told = async (path: string, ...args: readonly string[]) => {
    const child = spawn(process.execPath, [path, ...args])
    const [out, err, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ])
    return { out, err, code: code as number }
  }

  t.match(await told(linked, '--version'), { code: 0, out: VERSION })
  t.match(await told(join(bare, 'bin/pit.mjs'), 'start'), {
    code: 1,
    out: '',
    err: 'pit is not built here: run npm ci && npm run build\n',
  })
  mkdirSync(join(bare, 'node_modules/typescript'), { recursive: true })
  t.match(await told(join(bare, 'bin/pit.mjs')), { err: ': run npm run build\n' }, 'no more')
})

t.test('each command has its help, and refuses what it does not know', async (t) => {
  for (const name of [...COMMANDS, 'simulator']) {
    const [help, odd] = await Promise.all([finish(t, name, '--help'), finish(t, name, '--odd')])

    t.match(help, { code: 0, err: '' }, `pit ${name} --help`)
    t.ok(help.out.length > 100)
    t.match(help.out, `pit ${name}`, 'it shows how it is called')
    t.match(odd, { code: 2, out: '' }, `pit ${name} --odd`)
    t.same(tooLong(help.out), [], `pit ${name} --help fits a terminal`)
    if (name === 'simulator') continue
    t.match(help.out, /^Examples?:\n {2}pit /m, name)
    t.match(help.out, /^Exit codes: 0 /m, name)
    t.ok(odd.err.length > 10)
  }
})

t.test('status shows each instance once, as lines or JSON', async (t) => {
  const url = await startCounting(t, 10)

  const other = await startCounting(t, 20)

  const lines = await finish(t, 'status', '--once', url, other)
  const json = await finish(t, 'status', '--once', '--json', url)

  t.equal(lines.code, 0)
  const [first, second] = lines.out.trimEnd().split('\n')
  t.match(first, /^\d{4}-\S+Z instance=spec version=1\.2\.3 ready=true accepted=10 /)
  t.match(second, / accepted=20 acceptedPerSecond=- .* refused=2 .* parked=4 /)
  const { instances } = JSON.parse(json.out) as { instances: readonly unknown[] }
  t.match(instances, [
    {
      url,
      figures: {
        instance: 'spec',
        accepted: 20,
        acceptedPerSecond: null,
        processors: { default: { circuit: 'closed', settled: 0 } },
      },
    },
  ])
})

t.test('status goes on until it is stopped, with rates between its readings', async (t) => {
  const url = await startCounting(t, 10)
  const { child, ended } = run(t, ['status', '--json', '--every', '0.1', url])
  const rates: (number | null)[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const { instances } = JSON.parse(line) as {
      instances: readonly { figures?: { acceptedPerSecond: number | null } }[]
    }
    // An instance that does not answer in time has no figures in that reading.
    const rate = instances[0]?.figures?.acceptedPerSecond
    if (rate !== undefined) rates.push(rate)
    if (typeof rate === 'number') break
  }
  child.kill('SIGINT')
  const [code, signal] = await ended

  t.same([code, signal], [0, null])
  t.equal(rates[0], null)
  const rate = rates.at(-1) ?? 0
  t.ok(rate > 0 && rate <= 100, `${rate} payments a second`)
})

t.test('status exits quietly when its output is closed', async (t) => {
  const url = await startCounting(t, 10)
  const { child, ended } = run(t, ['status', '--every', '0.1', url])
  const err = text(child.stderr)
  await once(child.stdout, 'data')
  child.stdout.destroy()

  t.same(await ended, [0, null])
  t.equal(await err, '')
})

const NO_TERMINAL = existsSync('/usr/bin/script') ? false : 'there is no script(1) to make one'

t.test('status draws its table anew on a terminal', { skip: NO_TERMINAL }, async (t) => {
  const url = await startCounting(t, 10)
  const command = `exec ${process.execPath} ${CLI} status --every 0.1 ${url}`
  const child = spawn('/usr/bin/script', ['-qec', command, '/dev/null'])
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  for await (const chunk of child.stdout) {
    out += String(chunk)
    if (/accepted +\d+ \(\d+\/s\)/.test(out)) break
  }

  const [, first = '', second] = out.split('\u001B[H\u001B[J')
  t.match(first, /^instance +spec\r$/m)
  t.match(second, /^accepted +20 /m)
})

t.test('status names a silent instance, and fails when it reads once', async (t) => {
  const url = `http://127.0.0.1:${await freePort()}`

  const silent = await finish(t, 'status', '--once', url)
  const wrong = await finish(t, 'status', '--every', '0', url)
  const odd = await finish(t, 'status', 'ftp://127.0.0.1')

  t.match(silent, { code: 3, out: `url=${url} fault="no answer: ECONNREFUSED"` })
  t.match(wrong, { code: 2, out: '', err: '--every takes' })
  t.match(odd, { code: 2, out: '', err: 'no URL: ftp:' })
})

t.test(
  'reconcile compares what Pit and the processors have, and says so by its code',
  async (t) => {
    const postgres = await startPostgres(t)
    const databaseUrl = await postgres.freshDatabase()
    const ledger = await createPostgresLedger({ ...LEDGER, connectionString: databaseUrl })
    await ledger.close()
    const [first, second] = await Promise.all(
      [0.05, 0.15].map((feeRate) => startSimulator({ port: 0, feeRate })),
    )
    t.teardown(() => Promise.all([first?.close(), second?.close()]))
    const env = {
      DATABASE_URL: databaseUrl,
      PROCESSOR_DEFAULT_URL: first?.url,
      PROCESSOR_FALLBACK_URL: second?.url,
      PROCESSOR_TOKEN: '123',
    }

    const { child, ended } = run(t, ['reconcile'], env)
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])

    t.same([await ended, err], [[0, null], ''])
    t.match(out, 'equal')
  },
)

t.test('a command takes its secrets out of files, as a start does', async (t) => {
  const postgres = await startPostgres(t)
  const databaseUrl = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: databaseUrl })
  await ledger.close()
  const dir = t.testdir({ url: `${databaseUrl}\n` })
  const listed = async (file: string) => {
    const { child, ended } = run(t, ['rejected'], { DATABASE_URL_FILE: join(dir, file) })
    const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
    return { out, err, code }
  }

  t.match(await listed('url'), { code: 0, err: '', out: 'no payment is rejected' })
  t.match(await listed('other'), { code: 2, out: '', err: /DATABASE_URL_FILE names .*\/other/ })
})

t.test('a bug of a tool is no verdict about the books', async (t) => {
  const written: string[] = []
  const bug = (): Promise<number> => Promise.reject(new ReferenceError('x is not defined'))

  t.equal(await exitCodeOf(bug, (line) => void written.push(line)), 4)
  t.match(written.join(''), /ReferenceError: x is not defined\n +at /)
})

t.test('rejected asks at a terminal before it redrives, and refuses without one', async (t) => {
  const postgres = await startPostgres(t)
  const databaseUrl = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString: databaseUrl })
  await ledger.close()
  await runSql(
    databaseUrl,
    `INSERT INTO payments (correlation_id, amount_cents, state, owner)
    VALUES (gen_random_uuid(), 1990, 2, 1)`,
  )
  const env = { DATABASE_URL: databaseUrl }

  const { child, ended } = run(t, ['rejected', '--redrive', '--all'], env)
  const refusal = await text(child.stderr)
  t.same(await ended, [2, null])
  t.match(refusal, '--yes')
  if (NO_TERMINAL !== false) return
  const command = `exec ${process.execPath} ${CLI} rejected --redrive --all`
  const terminal = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], ...env },
  })
  t.teardown(() => terminal.kill('SIGKILL'))
  let out = ''
  for await (const chunk of terminal.stdout) {
    const wasAsked = out.includes('[y/N]')
    out += String(chunk)
    if (!wasAsked && out.includes('[y/N]')) terminal.stdin.write('y\n')
  }

  t.match(out, '1 payment rejected, 19.90 in all')
  t.match(out, 'is parked and due')
})

t.test('what the metrics do not say is unknown, and not nothing', async (t) => {
  const scrape = (text: string, at: number) => ({ samples: parseSamples(text), at })
  const one = 'pit_settled_cents_total{processor="default"} 1000\npit_payments_accepted_total 7'

  const { processors, ...figures } = figuresOf(scrape(one, 2_000), scrape('', 1_000))
  const table = tableOf([{ url: '', figures: { ...figures, processors } }], 'now')

  t.match(figures, { accepted: 7, acceptedPerSecond: null, refused: null, feePaidCents: null })
  t.match(processors.default, { settledCents: 1_000, settled: null, inFlight: null })
  t.match(processors.fallback, { settledCents: null, settledPerSecond: null })
  t.match(table, /^refused \(503\) +\?$/m)
  t.match(table, /^fee paid +\?$/m)
  t.same(parseSamples('a_bucket{x="y"} 3').buckets('a'), [], 'a bucket without an end is none')
})

t.test('the table has a column for each instance, silent ones included', async (t) => {
  const url = await startCounting(t, 1_234)
  const sample = async () => ({
    samples: parseSamples(await (await fetch(`${url}/metrics`)).text()),
    at: performance.now(),
  })
  const before = await sample()
  const now = { ...(await sample()), at: before.at + 1_000 }
  const figures = figuresOf(now, before)
  const silent = { url: 'http://other:9998', fault: 'no answer' }

  const table = tableOf([{ url, figures }, silent], '2025-08-09T12:00:00.000Z')

  t.match(table, /^instance +spec +other:9998$/m)
  t.match(table, /^state +ready +no answer$/m)
  t.match(table, /^accepted +2,468 \(1234\/s\)$/m)
  t.match(table, /^accept p50, p99 +1\.1\d, 1\.2\d ms$/m)
  t.match(table, /^parked, rejected +4, 0$/m)
  t.ok(table.split('\n').every((line) => line.length <= 80))
  t.match(lineOf(silent, 'now'), 'now url=http://other:9998 fault="no answer"')
})

t.test('start runs an instance until it is told to stop, and status sees it', async (t) => {
  const dataDir = join(t.testdir(), 'data')
  const postgres = await startPostgres(t)
  const processors = await Promise.all(
    [0.05, 0.15].map((feeRate) => startSimulator({ port: 0, feeRate })),
  )
  t.teardown(() => Promise.all(processors.map((processor) => processor.close())))
  const opsPort = String(await freePort())
  const { child, ended } = run(t, ['start'], {
    PORT: '0',
    OPS_PORT: opsPort,
    DATABASE_URL: await postgres.freshDatabase(),
    PROCESSOR_DEFAULT_URL: processors[0]?.url,
    PROCESSOR_FALLBACK_URL: processors[1]?.url,
    INSTANCE_ID: 'spec-start',
    DATA_DIR: dataDir,
    LOG_LEVEL: 'silent',
  })
  const why = text(child.stderr)
  const failed = ended.then(async ([code]) => {
    throw new Error(`it ended with ${code}: ${await why}`)
  })
  const [greeting] = await Promise.race([once(child.stdout, 'data'), failed])

  const status = await finish(t, 'status', '--once', `http://127.0.0.1:${opsPort}`)
  child.kill('SIGTERM')
  const [code, signal] = await ended

  t.match(String(greeting), 'started Pit, instance spec-start')
  t.match(status, { code: 0, out: / instance=spec-start .* ready=true / })
  t.notOk(existsSync(dataDir), 'beside a configured database it keeps nothing in a data folder')
  t.same([code, signal], [0, null])
})
