import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { parseFaults } from '../../src/simulator/faults.ts'
import { readOptions } from '../../src/simulator/options.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'

const MAIN = fileURLToPath(new URL('../../src/simulator/main.js', import.meta.url))

function run(t: Test, ...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args])
  t.teardown(() => child.kill('SIGKILL'))
  return { child, ended: once(child, 'close') as Promise<[number | null, string | null]> }
}

async function finish(t: Test, ...args: string[]) {
  const { child, ended } = run(t, ...args)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { out, err, code }
}

t.test('the command serves until a signal stops it', async (t) => {
  const { child, ended } = run(t, '--port', '0', '--fee', '0.15', '--token', 'abc')
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const [, url = ''] = /on (http:\S+), fee 0\.15\n$/.exec(line.toString()) ?? []

  const summary = await request(`${url}/admin/payments-summary`, {
    headers: { 'x-rinha-token': 'abc' },
  })
  const body = await summary.body.text()
  child.kill('SIGTERM')
  const [code, signal] = await ended

  t.match(body, '"feePerTransaction":0.15')
  t.equal(code, 0)
  t.equal(signal, null)
})

t.test('wrong options and a taken port have different exit codes', async (t) => {
  const simulator = await startSimulator({ port: 0, feeRate: 0 })
  t.teardown(() => simulator.close())

  const odd = await finish(t, '--odd')
  const taken = await finish(t, '--port', String(simulator.port))

  t.match(odd, { code: 2, out: '', err: "'--odd'" })
  t.match(taken, {
    code: 1,
    err: `cannot listen on 127.0.0.1:${simulator.port}: the port is taken`,
  })
})

t.test('--help has each switch and each kind of fault, and its example is one', async (t) => {
  const { code, out } = await finish(t, '--help')

  t.equal(code, 0)
  for (const name of ['delay', 'failure', 'token', 'faults']) t.match(out, `\n  ${name} `)
  const kinds = [...out.matchAll(/^ {4}(\w+) /gm)].map(([, kind]) => kind)
  t.ok(kinds.length >= 15, kinds.join(' '))
  t.throws(() => parseFaults({ charge: [{ kind: 'none' }] }), {
    message: kinds.slice(0, 12).join(', '),
  })
  const [example = ''] = /\{"charge"[^]*?"seed": 1\}/.exec(out) ?? []
  t.match(parseFaults(JSON.parse(example)), { charge: [{ kind: 'resetAfterRecord', share: 0.2 }] })
})

t.test('options have defaults and bounds', async (t) => {
  const defaults = { port: 8001, feeRate: 0.05, host: '127.0.0.1', token: '123' }

  t.strictSame(readOptions([]), defaults)
  t.strictSame(readOptions(['--port', '8002', '--fee=0.15', '--host', '0.0.0.0', '--token', 'a']), {
    port: 8002,
    feeRate: 0.15,
    host: '0.0.0.0',
    token: 'a',
  })
  t.equal(readOptions(['--help']), 'help')
  t.throws(() => readOptions(['--fee', '5']), { message: /^--fee must be from 0 to below 1/ })
  t.throws(() => readOptions(['--port', '']), {
    message: "--port must be a number from 0 to 65535, it is ''",
  })
  t.throws(() => readOptions(['--port', '65536']), { message: /65536/ })
  t.throws(() => readOptions(['--host', '']), { message: /--host/ })
  t.throws(() => readOptions(['--token=']), { message: /--token/ })
  t.strictSame(readOptions(['--keep', 'a']), { ...defaults, keepIn: 'a' })
  t.throws(() => readOptions(['--keep=']), { message: /--keep/ })
})

t.test('simulators of one process start and stop independently', async (t) => {
  const first = await startSimulator({ port: 0, feeRate: 0.05, name: 'first' })
  const second = await startSimulator({ port: 0, feeRate: 0.15, name: 'second' })
  t.teardown(() => second.close())

  const taken = startSimulator({ port: second.port, feeRate: 0, name: 'third' })
  await t.rejects(taken, { message: /^simulator third cannot listen on .*: the port is taken/ })
  await t.rejects(startSimulator({ port: 0, feeRate: 1 }), { name: 'RangeError' })
  await first.close()
  await first.close()

  const answer = await request(`${second.url}/payments/service-health`)
  t.equal(answer.statusCode, 200)
  await t.rejects(request(`${first.url}/payments/service-health`), { code: 'ECONNREFUSED' })
  const again = await startSimulator({ port: first.port, feeRate: 0.05, ledger: first.ledger })
  t.teardown(() => again.close())
  t.equal(again.ledger, first.ledger)
})
