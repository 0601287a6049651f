// What is left of a process after a bug in its actors.

import { rm } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { projectFile } from '../../src/infra/process/project-file.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { copyTemplate, makeEnterableFolder } from '../support/postgres.ts'
import { openPitClient, whileRefused } from '../support/system-client.ts'
import { embeddedServer, endEmbeddedServer, runPit } from '../support/system-process.ts'

/** The supervisor passes payments on by this action; the chart is the one that the program runs. */
const BUG_IN_SUPERVISOR = `
import { supervisorMachine } from ${built('actors/supervisor/supervisor.machine.js')}
const provide = supervisorMachine.provide.bind(supervisorMachine)
supervisorMachine.provide = (parts) => {
  const commitPayment = () => { throw new Error('a planted bug') }
  return provide({ ...parts, actions: { ...parts.actions, commitPayment } })
}`

/** The promise of a commit, which nothing awaits, asks for the lease that the batch is owned by. */
const BUG_IN_PROMISE = `
import { LeaseFence } from ${built('actors/ownership/fence.js')}
LeaseFence.prototype.extend = () => {}`

const PAYMENT = { correlationId: '7c0ffee0-0000-4000-8000-000000000001', amountCents: 1_990 }

t.test('the process exits after a bug in the supervisor, and leaves nothing running', async (t) => {
  const { dataDir, reception, code, out, err, startNext } = await meetBug(t, BUG_IN_SUPERVISOR)

  t.type(reception, 'string', 'the client is told nothing: its connection ends')
  t.equal(code, 1)
  t.equal(err, 'pit: a planted bug\n')
  t.match(out, /"level":"error".*Error: a planted bug.*commitPayment.*"msg":"supervisor.failed"/)
  t.equal(await embeddedServer(dataDir), undefined)
  t.equal(await startNext(), 202, 'the next process takes the same port and goes on')
})

t.test('the process exits after a bug in a promise, and leaves nothing running', async (t) => {
  const { dataDir, reception, code, err, startNext } = await meetBug(t, BUG_IN_PROMISE)

  t.type(reception, 'string', 'the client is told nothing: its connection ends')
  t.equal(code, 1)
  t.match(err, /AssertionError.*: nothing is claimed or written before a first lease was held/)
  await waitUntil({ what: 'its PostgreSQL has stopped' }, async () => {
    return (await embeddedServer(dataDir)) === undefined
  })
  t.equal(await startNext(), 202, 'the next process takes the same port and goes on')
})

interface Meeting {
  readonly dataDir: string
  /** What the client got whose payment met the bug. */
  readonly reception: unknown
  readonly code: number | null
  readonly out: string
  readonly err: string
  /** Starts a process without the bug in its place and posts the payment again: its status. */
  startNext(): Promise<unknown>
}

/** Runs the built program with a bug planted into it, and posts the payment that meets it. */
async function meetBug(t: Test, plant: string): Promise<Meeting> {
  const dataDir = await makeEnterableFolder()
  t.teardown(async () => {
    await endEmbeddedServer(dataDir)
    await rm(dataDir, { recursive: true, force: true })
  })
  await copyTemplate(dataDir)
  const port = await freePort()
  const env = { ...(await processors(t)), DATA_DIR: dataDir, PORT: String(port), OPS_PORT: '0' }
  const nodeArgs = ['--import', `data:text/javascript,${encodeURIComponent(plant)}`]
  const broken = runPit(t, { env, nodeArgs })
  await broken.says('try:')
  const client = openPitClient(t, `http://127.0.0.1:${port}`)

  const reception = await client.post(PAYMENT)
  const { code, out, err } = await broken.ended()
  const startNext = async (): Promise<unknown> => {
    const next = runPit(t, { env })
    await next.says('try:')
    const status = await whileRefused(() => client.post(PAYMENT))
    next.kill('SIGTERM')
    t.match(await next.ended(), { code: 0, err: '' })
    return status
  }
  return { dataDir, reception, code, out, err, startNext }
}

function built(path: string): string {
  return JSON.stringify(pathToFileURL(projectFile(`dist/${path}`)).href)
}

async function processors(t: Test): Promise<Readonly<Record<string, string>>> {
  const [first, fallback] = [
    await startSimulator({ port: 0, feeRate: 0.05, name: 'default' }),
    await startSimulator({ port: 0, feeRate: 0.15, name: 'fallback' }),
  ]
  t.teardown(() => Promise.all([first.close(), fallback.close()]))
  return { PROCESSOR_DEFAULT_URL: first.url, PROCESSOR_FALLBACK_URL: fallback.url }
}
