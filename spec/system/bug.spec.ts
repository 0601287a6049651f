// What is left of a process whose supervisor fails by a bug.

import { rm } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { freePort } from '../../bench/layout/ports.ts'
import { projectFile } from '../../src/infra/process/project-file.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { copyTemplate, makeEnterableFolder } from '../support/postgres.ts'
import { openPitClient } from '../support/system-client.ts'
import { embeddedServer, endEmbeddedServer, runPit } from '../support/system-process.ts'

/** The supervisor passes payments on by this action; the chart is the one that the program runs. */
const CHART = pathToFileURL(projectFile('dist/actors/supervisor/supervisor.machine.js')).href
const PLANT = `
import { supervisorMachine } from ${JSON.stringify(CHART)}
const provide = supervisorMachine.provide.bind(supervisorMachine)
supervisorMachine.provide = (parts) => {
  const commitPayment = () => { throw new Error('a planted bug') }
  return provide({ ...parts, actions: { ...parts.actions, commitPayment } })
}`

/** Longest time from the bug to the end of the process, PostgreSQL's own stop included, ms. */
const ENDS_WITHIN_MS = 10_000

t.test('the process exits after a bug in the supervisor, and leaves nothing running', async (t) => {
  const dataDir = await makeEnterableFolder()
  t.teardown(async () => {
    await endEmbeddedServer(dataDir)
    await rm(dataDir, { recursive: true, force: true })
  })
  await copyTemplate(dataDir)
  const port = await freePort()
  const env = { ...(await processors(t)), DATA_DIR: dataDir, PORT: String(port), OPS_PORT: '0' }
  const nodeArgs = ['--import', `data:text/javascript,${encodeURIComponent(PLANT)}`]
  const broken = runPit(t, { env, nodeArgs })
  await broken.says('try:')
  const client = openPitClient(t, `http://127.0.0.1:${port}`)

  const payment = { correlationId: '7c0ffee0-0000-4000-8000-000000000001', amountCents: 1_990 }
  const bugAt = performance.now()
  const reception = await client.post(payment)
  const { code, err } = await broken.ended()

  t.type(reception, 'string', 'the client is told nothing: its connection ends')
  t.equal(code, 1)
  t.equal(err, 'pit: a planted bug\n')
  t.ok(performance.now() - bugAt < ENDS_WITHIN_MS)
  t.equal(await embeddedServer(dataDir), undefined)

  const next = runPit(t, { env })
  await next.says('try:')
  t.equal(await client.post(payment), 202, 'the next process takes the same port and goes on')
  next.kill('SIGTERM')
  t.match(await next.ended(), { code: 0, err: '' })
})

async function processors(t: Test): Promise<Readonly<Record<string, string>>> {
  const [first, fallback] = [
    await startSimulator({ port: 0, feeRate: 0.05, name: 'default' }),
    await startSimulator({ port: 0, feeRate: 0.15, name: 'fallback' }),
  ]
  t.teardown(() => Promise.all([first.close(), fallback.close()]))
  return { PROCESSOR_DEFAULT_URL: first.url, PROCESSOR_FALLBACK_URL: fallback.url }
}
