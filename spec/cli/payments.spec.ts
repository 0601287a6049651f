// The commands about payments, as a stranger types them beside a Pit that runs.

import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { describePayment } from '../../src/cli/payment-text.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { copyTemplate, makeEnterableFolder, startPostgres } from '../support/postgres.ts'
import { CLI, endEmbeddedServer, runPit } from '../support/system-process.ts'

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3'

async function command(t: Test, ...args: readonly string[]) {
  return await runPit(t, { program: CLI, args }).ended()
}

/** A Pit that can be stopped and started again at the same ports and on the same database. */
async function preparePit(t: Test) {
  const postgres = await startPostgres(t)
  const simulators = {
    default: await startSimulator({ port: 0, feeRate: 0.05 }),
    fallback: await startSimulator({ port: 0, feeRate: 0.15 }),
  }
  t.teardown(() => Promise.all([simulators.default.close(), simulators.fallback.close()]))
  const [port, opsPort] = [await freePort(), await freePort()]
  const env = {
    PORT: String(port),
    OPS_PORT: String(opsPort),
    DATABASE_URL: await postgres.freshDatabase(),
    PROCESSOR_DEFAULT_URL: simulators.default.url,
    PROCESSOR_FALLBACK_URL: simulators.fallback.url,
    LOG_LEVEL: 'silent',
  }
  return {
    clients: `http://127.0.0.1:${port}`,
    operators: `http://127.0.0.1:${opsPort}`,
    async start() {
      const pit = runPit(t, { env })
      await pit.says('try:')
      return pit
    },
  }
}

t.test('a payment is posted, followed, shown and printed as it settles', async (t) => {
  const { clients, operators, start } = await preparePit(t)
  await start()
  const tail = runPit(t, { program: CLI, args: ['tail', operators] })

  const posted = await command(t, 'pay', '19.90', '--id', ID, '--wait', '--url', clients)
  const again = await command(t, 'pay', '19.9', '--id', ID.toUpperCase(), '--url', clients)
  const other = await command(t, 'pay', '20', '--id', ID, '--url', clients)
  const shown = await command(t, 'show', ID, '--url', `${clients}/`)
  const json = await command(t, 'show', ID, '--json', '--url', clients)
  const unknown = await command(t, 'show', randomUUID(), '--url', clients)

  t.match(posted, { code: 0, err: '' })
  t.match(posted.out, new RegExp(`^202 accepted ${ID}\n[^]*settled by default, after [\\d.]+ s\n$`))
  t.match(again, { code: 0, out: `202 accepted ${ID}\n` })
  t.match(other, { code: 1, out: '', err: /^409: .* another amount/ })
  t.match(shown, { code: 0, err: '', out: /^state +settled by default$/m })
  t.match(shown.out, /^amount +19\.90$/m)
  t.match(shown.out, /^1 +default +\d\d:\d\d:\d\d\.\d{3}Z +cheaper +settled +[\d.]+ ms +http 200$/m)
  t.match(JSON.parse(json.out), { correlationId: ID, amount: 19.9, state: 'settled' })
  t.match(unknown, { code: 1, out: '', err: /^404: / })
  await tail.says(ID)
  tail.kill('SIGINT')
  const tailed = await tail.ended()
  t.match(tailed, { code: 0, err: '' })
  t.match(tailed.out, new RegExp(`^\\d{4}-\\S+Z {2}settled +${ID} {2}default, after .* ms$`, 'm'))
})

t.test('a Pit on a unix socket is paid and asked there, and found by itself', async (t) => {
  const place = await makeEnterableFolder()
  const [dataDir, socket] = [join(place, 'data'), join(place, 'pit.sock')]
  t.teardown(async () => {
    await endEmbeddedServer(dataDir)
    await rm(place, { recursive: true, force: true })
  })
  await copyTemplate(dataDir)
  const simulators = { SIMULATOR_DEFAULT_PORT: '0', SIMULATOR_FALLBACK_PORT: '0' }
  const env = { LISTEN_SOCKET: socket, OPS_PORT: '0', DATA_DIR: dataDir, ...simulators }
  const pit = runPit(t, { env })
  await pit.says('started Pit')
  const told = (args: readonly string[], known = {}) =>
    runPit(t, { program: CLI, args, env: known, cwd: place }).ended()

  const posted = await told(['pay', '5', '--id', ID, '--wait'], { DATA_DIR: dataDir })
  const configured = await told(['show', ID], { LISTEN_SOCKET: 'pit.sock' })
  const named = await told(['show', ID, '--json', '--url', `unix:${socket}`])
  const checked = await told(['doctor'], { DATA_DIR: dataDir })
  pit.kill('SIGTERM')
  await pit.ended()
  const silent = await told(['show', ID, '--url', `unix:${socket}`])

  t.match(posted, { code: 0, err: '', out: /settled by default, after [\d.]+ s\n$/ })
  t.match(configured, { code: 0, err: '', out: /^state +settled by default$/m })
  t.match(JSON.parse(named.out), { correlationId: ID, amount: 5 })
  t.match(checked.out, new RegExp(`^ok +LISTEN_SOCKET +${socket}: Pit answers there$`, 'm'))
  t.match(silent, { code: 3, out: '', err: `unix:${socket} gives no answer: ENOENT\n` })
})

t.test('a command that asks the other port of Pit is told so', async (t) => {
  const { clients, operators, start } = await preparePit(t)
  await start()

  const status = await command(t, 'status', '--once', clients)
  const tail = await command(t, 'tail', clients)
  const pay = await command(t, 'pay', '1', '--url', operators)
  const show = await command(t, 'show', ID, '--url', operators)

  t.match(status, { code: 3, out: /fault="HTTP 404" hint=".*OPS_PORT, 9998 unless it is set"/ })
  t.match(tail, { code: 3, out: '', err: /OPS_PORT, 9998 unless it is set\n$/ })
  for (const wrong of [pay, show]) {
    t.match(wrong, { code: 3, out: '', err: /PORT, 9999 unless it is set\n$/ })
  }
})

t.test('tail goes on over a restart of Pit, and prints each payment once', async (t) => {
  const { clients, operators, start } = await preparePit(t)
  const first = await start()
  const tail = runPit(t, { program: CLI, args: ['tail', operators, '--json'] })
  const ids = [randomUUID(), randomUUID()] as const
  await command(t, 'pay', '1', '--id', ids[0], '--url', clients)
  await tail.says(ids[0])

  first.kill('SIGTERM')
  await first.ended()
  await waitUntil({ what: 'the silence is noticed' }, () => tail.err.includes('ECONNREFUSED'))
  await start()
  await command(t, 'pay', '1', '--id', ids[1], '--url', clients)
  await tail.says(ids[1])
  tail.kill('SIGINT')
  const { code, out, err } = await tail.ended()

  t.equal(code, 0)
  t.match(err, /no answer: ECONNREFUSED; it is asked again every second\n[^]*answers again\n$/)
  const printed = out
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { correlationId: string }).correlationId)
  t.same(printed, ids)
})

t.test('without a Pit, and with wrong input, there is one sentence and no stack', async (t) => {
  const silent = `http://127.0.0.1:${await freePort()}`
  const wrong: readonly (readonly string[])[] = [
    ['pay'],
    ['pay', '0'],
    ['pay', '-1'],
    ['pay', '--', '-1'],
    ['pay', '19,90'],
    ['pay', '1.999'],
    ['pay', '1e99'],
    ['pay', '1', '2'],
    ['pay', '1', '--id', 'x'],
    ['pay', '1', '--url', 'localhost:9999'],
    ['pay', '1', '--url', 'unix:pit.sock'],
    ['pay', '1', '--wiat'],
    ['show'],
    ['show', ID, ID],
    ['show', 'x'],
    ['show', ID, '--url', 'ftp://x'],
    ['tail', 'x'],
    ['tail', '--jsn'],
    ['doctor', 'x'],
  ]
  for (const args of wrong) {
    const { code, out, err } = await command(t, ...args)

    t.match({ code, out }, { code: 2, out: '' }, args.join(' '))
    t.match(err, /^[^\n]+\n$/, args.join(' '))
  }
  const posted = await command(t, 'pay', '1', '--id', ID, '--url', silent)
  t.match(posted, {
    code: 3,
    out: '',
    err: `no answer: ECONNREFUSED; to repeat it safely: --id ${ID}`,
  })
  for (const args of [
    ['show', ID, '--url', silent],
    ['tail', silent],
  ]) {
    t.match(await command(t, ...args), { code: 3, out: '', err: /^[^\n]+ECONNREFUSED\n$/ })
  }
})

t.test('an amount below 0 is told to be none, wherever it stands', async (t) => {
  for (const args of [['-5'], ['--wait', '-19.90'], ['--', '-5'], ['-.5']]) {
    const told = await command(t, 'pay', ...args)

    t.match(told, { code: 2, out: '', err: `an amount is above 0` }, args.join(' '))
    t.match(told.err, `not ${args.at(-1)}\n`)
  }
})

t.test('a reduced payment is shown without what is no longer kept', async (t) => {
  const text = describePayment({
    correlationId: ID,
    amount: 5,
    state: 'settled',
    requestedAt: '2026-01-31T12:00:01.000Z',
    attempts: [],
    reduced: true,
  })

  t.match(text, /^state +settled$/m)
  t.match(text, /^requested at +2026-01-31T12:00:01\.000Z$/m)
  t.notMatch(text, 'accepted at')
  t.match(text, /\nits attempts are no longer kept\n$/)
})

t.test('a payment in doubt is shown with what it waits for and for how long', async (t) => {
  const text = describePayment({
    correlationId: ID,
    amount: 5,
    state: 'confirming',
    acceptedAt: '2026-01-31T12:00:00.000Z',
    waitsFor: 'lookUp',
    dueInMs: 1_500,
    ownedBy: 'pit-2',
    doubts: [
      { processor: 'default', requestedAt: '2026-01-31T12:00:01.000Z', remainingMs: 12_340 },
      { processor: 'fallback', remainingMs: -1, contradiction: { kind: 'amount' } },
    ],
    attempts: [
      {
        processor: 'default',
        requestedAt: '2026-01-31T12:00:01.000Z',
        reason: 'cheaper',
        outcome: 'inDoubt',
        tookMs: 8_000,
        detail: 'timeout',
      },
    ],
  })

  t.match(text, /^waits for +the answer of the processor .* \(due in 1\.5 s\)$/m)
  t.match(text, /^in work at +pit-2$/m)
  t.match(text, /^in doubt at +default: sent 2026\S+Z, may be recorded for 12\.3 s yet$/m)
  t.match(text, /^in doubt at +fallback: sent at an unknown instant, cannot .* amount$/m)
  t.match(text, /^1 +default +12:00:01\.000Z +cheaper +in doubt +8000\.0 ms +timeout$/m)
})

t.test('a payment that another instance works on is not told to have no attempt', async (t) => {
  const owned = { correlationId: ID, amount: 5, state: 'pending', waitsFor: 'owner' }
  const attempt = { processor: 'default', reason: 'cheaper', outcome: 'refused', tookMs: 5 }
  const told = (more: object): string => describePayment({ ...owned, ...more })
  const alive = { ownedBy: 'pit-1', attemptsKnownTo: 'pit-1' }

  const fresh = told({ ...alive, attempts: [] })
  const tried = told({ ...alive, attempts: [attempt] })
  const orphaned = told({ ownedBy: 'unknown', attempts: [] })

  t.match(fresh, /\nits attempts are known to instance pit-1 only: ask there\n$/)
  t.match(tried, /^1 +default .*\nits attempts since then are known to instance pit-1 only: /m)
  t.match(orphaned, /\nits attempts are not known here\n$/)
  for (const text of [fresh, tried, orphaned]) t.notMatch(text, 'no attempt was made')
})

t.test('a payment that is parked in doubt waits for a look-up', async (t) => {
  const parked = { correlationId: ID, amount: 5, state: 'parked', waitsFor: 'retryQueue' }
  const wait = { ...parked, dueInMs: 1_500, attempts: [] }
  const doubts = [{ processor: 'default', remainingMs: 0 }]

  const inDoubt = describePayment({ ...wait, doubts })
  const refused = describePayment(wait)

  t.match(inDoubt, /^waits for +its turn in .* the answer of the processor .* \(due in 1\.5 s\)$/m)
  t.notMatch(inDoubt, 'may be charged')
  t.match(refused, /^waits for +its turn in .* a processor that may be charged \(due in 1\.5 s\)$/m)
})
