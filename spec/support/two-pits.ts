// Two instances as processes of their own, on one database and two simulators, with operators' commands.

import type { Test } from 'tap'
import { parseSamples } from '../../src/cli/samples.ts'
import { freePort } from '../../src/infra/process/free-port.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { CLI, runPit } from './system-process.ts'

/** However slow the machine is, nothing times out, and nobody takes a living instance over. */
const PATIENT = {
  ATTEMPT_TIMEOUT_MS: '50000',
  CONNECT_TIMEOUT_MS: '20000',
  IN_DOUBT_HORIZON_MS: '90000',
  ROUTE_SLOW_MS: '60000',
  ROUTE_WAIT_MAX_MS: '100',
  LEASE_TTL_MS: '60000',
  LOG_LEVEL: 'silent',
}

/** Instances `one` and `two`; `pit` runs a command over the first. */
export async function startTwoPits(
  t: Test,
  { databaseUrl, env = {} }: { databaseUrl: string; env?: Readonly<Record<string, string>> },
) {
  const simulators = await Promise.all(
    [0.05, 0.15].map((feeRate) => startSimulator({ port: 0, feeRate })),
  )
  t.teardown(() => Promise.all(simulators.map((each) => each.close())))
  const run = async (name: string) => {
    const [port, opsPort] = [await freePort(), await freePort()]
    const pit = runPit(t, {
      env: {
        ...PATIENT,
        INSTANCE_ID: name,
        PORT: String(port),
        OPS_PORT: String(opsPort),
        DATABASE_URL: databaseUrl,
        PROCESSOR_DEFAULT_URL: simulators[0]?.url ?? '',
        PROCESSOR_FALLBACK_URL: simulators[1]?.url ?? '',
        ...env,
      },
    })
    await pit.says('try:')
    return { pit, url: `http://127.0.0.1:${port}`, operators: `http://127.0.0.1:${opsPort}` }
  }
  const [one, two] = [await run('one'), await run('two')]
  const pit = async (line: string, more: Readonly<Record<string, string>> = {}) => {
    const args = [...line.split(' '), '--url', one.operators]
    return await runPit(t, { program: CLI, args, env: more }).ended()
  }
  /** The id of a payment that was accepted there. */
  const post = async ({ url }: { url: string }): Promise<string> => {
    const correlationId = crypto.randomUUID()
    const body = JSON.stringify({ correlationId, amount: 1 })
    const headers = { 'content-type': 'application/json' }
    t.equal((await fetch(`${url}/payments`, { method: 'POST', headers, body })).status, 202)
    return correlationId
  }
  const charged = () => simulators.map((each) => each.sends().outcomes.recorded)
  const circuitAt = async ({ operators }: { operators: string }, processor: string) => {
    const samples = parseSamples(await (await fetch(`${operators}/metrics`)).text())
    const states = ['closed', 'open', 'halfOpen', 'heldOpen', 'heldClosed']
    return states.find((state) => samples.sum('pit_circuit_state', { processor, state }) === 1)
  }
  return { one, two, run, pit, post, charged, circuitAt, databaseUrl, simulators }
}
