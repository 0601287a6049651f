// Which Pit a command asks that was given no address: with two on a machine, never the other one.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { checkPorts } from '../../src/cli/checks/taken-ports.ts'
import { readConfig } from '../../src/config/config.ts'
import { freePort } from '../../src/infra/process/free-port.ts'
import { operatorsUrl, writeDevStackFile } from '../../src/infra/process/dev-stack-file.ts'
import { CLI, runPit } from '../support/system-process.ts'

const UNUSED = 'postgres://pit@127.0.0.1:1/pit'
const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3'

/** Each command that goes to the operators' port; the last one until it is stopped. */
const OPERATORS_COMMANDS = [
  'pause default --reason late --yes',
  'resume default --reason well --yes',
  'hold default open --for 1s --reason late --yes',
  'drain one --reason patch --yes',
  `resolve ${ID} --never default --reason lost --yes`,
  'audit',
  'status --once',
  'tail',
]

/** Answers as both ports of a Pit do, and no command gets further than its first questions. */
async function startStub(t: Test, host = '127.0.0.1') {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const isAccess = request.url === '/console/access'
    const body = { by: 'loopback', token: 'x', alive: true }
    response.setHeader('connection', 'close')
    response.writeHead(isAccess || request.url === '/healthz' ? 200 : 400)
    response.end(JSON.stringify(body))
  }).listen(0, host)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { port: String((server.address() as AddressInfo).port), asked }
}

/** A named Pit, and a dev stack on a data folder that names another. */
async function startTwo(t: Test) {
  const [named, other] = [await startStub(t), await startStub(t)]
  const dataDir = t.testdir()
  const url = `http://127.0.0.1:${other.port}`
  const remove = await writeDevStackFile(dataDir, {
    databaseUrl: UNUSED,
    processorDefaultUrl: url,
    processorFallbackUrl: url,
    clientsUrl: url,
    opsUrl: url,
  })
  t.teardown(remove)
  const pit = async (line: string, env: Readonly<Record<string, string>>) => {
    const args = line.split(' ')
    named.asked.length = 0
    other.asked.length = 0
    const ended = await runPit(t, {
      program: CLI,
      args,
      env: { DATA_DIR: dataDir, ...env },
    }).ended()
    return { ...ended, asks: [named.asked.length > 0, other.asked.length > 0] }
  }
  return { named, other, dataDir, pit }
}

t.test('each command of operators goes to OPS_PORT, not to a dev stack', async (t) => {
  const { named, pit } = await startTwo(t)
  for (const line of OPERATORS_COMMANDS) {
    const { asks, err } = await pit(line, { OPS_PORT: named.port })
    t.same(asks, [true, false], `${line}: ${err}`)
  }
})

t.test('an address that is given goes before OPS_PORT', async (t) => {
  const { named, other, pit } = await startTwo(t)
  for (const line of OPERATORS_COMMANDS) {
    const url = `http://127.0.0.1:${named.port}`
    const given = /^(?:status|tail)/.test(line) ? url : `--url ${url}`
    const { asks, err } = await pit(`${line} ${given}`, { OPS_PORT: other.port })
    t.same(asks, [true, false], `${line}: ${err}`)
  }
})

t.test('where no port and no database is set the dev stack is asked', async (t) => {
  const { pit } = await startTwo(t)
  for (const line of ['audit', 'status --once', 'pay 1', `show ${ID}`]) {
    t.same((await pit(line, {})).asks, [false, true], line)
  }
})

t.test('with a database that is set nobody orders at a dev stack', async (t) => {
  const { pit } = await startTwo(t)
  const nobody = { OPS_HOST: '127.0.0.7', PORT: '0', DATABASE_URL: UNUSED }

  const paused = await pit('pause default --reason late --yes', nobody)
  const status = await pit('status --once', nobody)
  const paid = await pit('pay 1', nobody)

  t.match(paused, { code: 3, asks: [false, false], err: 'http://127.0.0.7:9998 gives no answer' })
  const said = 'no Pit answers on http://127.0.0.7:9998, which OPS_HOST and OPS_PORT say\n'
  t.match(status, { code: 3, asks: [false, false], err: said })
  t.match(paid, { code: 2, asks: [false, false] })
})

t.test('a client’s command goes to PORT, not to a dev stack', async (t) => {
  const { named, pit } = await startTwo(t)
  for (const line of ['pay 1', `show ${ID}`]) {
    t.same((await pit(line, { PORT: named.port })).asks, [true, false], line)
  }
})

t.test('where operators call nowhere an order goes nowhere', async (t) => {
  const { dataDir, pit } = await startTwo(t)
  const off = await pit('pause default --reason late --yes', { OPS_PORT: '0' })
  t.match(off, { code: 2, out: '', err: /^OPS_PORT=0: /, asks: [false, false] })

  const urls = { databaseUrl: UNUSED, processorDefaultUrl: 'x', processorFallbackUrl: 'x' }
  t.teardown(await writeDevStackFile(dataDir, urls))
  const stack = await pit('pause default --reason late --yes', {})
  t.match(stack, { code: 2, out: '', err: `${dataDir} was started with OPS_PORT=0`, asks: [] })
})

t.test('an interface is reached at its own address, all of them at this machine’s', async (t) => {
  const url = (opsHost: string): string => operatorsUrl({ opsHost, opsPort: 1 })
  t.equal(url('pit-1-ops'), 'http://pit-1-ops:1')
  t.equal(url('0.0.0.0'), 'http://127.0.0.1:1')
  t.equal(url('::'), 'http://[::1]:1')
  t.equal(url('fe80::7'), 'http://[fe80::7]:1')

  const there = await startStub(t, '127.0.0.7')
  const env = { OPS_HOST: '127.0.0.7', OPS_PORT: there.port, DATABASE_URL: UNUSED }
  const asked = runPit(t, { program: CLI, args: ['audit'], env })
  await asked.ended()
  t.same(there.asked[0], '/console/access')
  const port = String(await freePort())
  const processors = { PROCESSOR_DEFAULT_URL: 'http://a', PROCESSOR_FALLBACK_URL: 'http://b' }
  const found = await checkPorts(readConfig({ ...processors, ...env, PORT: port }), undefined)
  t.match(found[1], { subject: 'OPS_PORT', result: 'warn', text: /Pit answers there, and is not/ })
})
