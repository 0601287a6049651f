import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Client } from 'undici'
import { readConfig } from '../../../src/config/config.ts'
import { describeApi } from '../../../src/http/openapi/openapi.ts'
import { createLogger } from '../../../src/infra/process/logger.ts'
import { startPit } from '../../../src/app/pit.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { createDescriptionCheck, openClient, type Answer } from '../../support/description-check.ts'
import { serve } from '../../support/collector.ts'
import { startPostgres } from '../../support/postgres.ts'
import { startWorld } from '../../support/system-world.ts'

const postgres = await startPostgres(t)
const descriptionCheck = createDescriptionCheck(describeApi('0.0.0'))

/** Nothing times out, however slow the machine is. */
const UNHURRIED = {
  ATTEMPT_TIMEOUT_MS: '50000',
  CONNECT_TIMEOUT_MS: '20000',
  LOOKUP_TIMEOUT_MS: '50000',
  IN_DOUBT_HORIZON_MS: '90000',
  LOOKUP_LAG_MS: '300',
}

/** CONNECT_TIMEOUT_MS, IN_DOUBT_HORIZON_MS and LOOKUP_LAG_MS, by a clock that may be 5 % fast. */
const SETTLE_BY_MS = 115_815

function readStatus(t: Test, client: Client, id: string): Promise<Answer> {
  return descriptionCheck.ask(t, client, {
    path: '/payments/{correlationId}',
    at: `/payments/${id}`,
  })
}

async function post(t: Test, client: Client, correlationId: string): Promise<void> {
  const body = JSON.stringify({ correlationId, amount: 19.9 })
  await descriptionCheck.ask(t, client, { path: '/payments', method: 'POST', body })
}

interface StatusBody {
  readonly state: string
  readonly waitsFor?: string
  readonly dueInMs?: number
  readonly ownedBy?: string
  readonly attemptsKnownTo?: string
  readonly doubts?: readonly { readonly processor: string; readonly remainingMs: number }[]
  readonly attempts: readonly {
    readonly outcome: string
    readonly reason: string
    readonly requestedAt: string
  }[]
}

/** Follows a payment until its status matches; every status on the way is as described. */
async function follow(
  t: Test,
  client: Client,
  { id, until }: { id: string; until: (status: StatusBody) => boolean },
): Promise<StatusBody> {
  let status: StatusBody | undefined
  await waitUntil({ what: `the status of ${id}` }, async () => {
    status = JSON.parse((await readStatus(t, client, id)).text) as StatusBody
    return until(status)
  })
  if (status === undefined) throw new Error('no payment status')
  return status
}

t.test('the status of a payment in doubt says at which processor, and for how long', async (t) => {
  const id = randomUUID()
  let requestedAt = ''
  const [charge, lookUp] = [held(), held()]
  const port = await startBetween(t, async ({ method, url }) => {
    if (url === '/payments/service-health') return { status: 429, body: '' }
    if (method === 'POST') {
      await charge.released
      return { status: 502, body: '' }
    }
    await lookUp.released
    return { status: 200, body: JSON.stringify({ correlationId: id, amount: 19.9, requestedAt }) }
  })
  const client = openClient(t, port)
  await post(t, client, id)

  const sent = await follow(t, client, { id, until: ({ attempts }) => attempts.length > 0 })
  requestedAt = sent.attempts[0]?.requestedAt ?? ''
  charge.release()
  const doubtful = await follow(t, client, { id, until: ({ waitsFor }) => waitsFor === 'lookUp' })
  lookUp.release()
  const settled = await follow(t, client, { id, until: ({ state }) => state === 'settled' })

  t.match(sent.attempts, [{ outcome: 'inFlight', reason: 'cheaper' }])
  t.match(doubtful, { state: 'confirming', doubts: [{ processor: 'default' }] })
  t.match(doubtful.attempts, [{ outcome: 'inDoubt', detail: 'http 502' }])
  const [doubt] = doubtful.doubts ?? []
  t.ok(doubt !== undefined && doubt.remainingMs > 0 && doubt.remainingMs <= SETTLE_BY_MS)
  t.equal(settled.doubts, undefined)
  t.equal(settled.waitsFor, undefined)
})

t.test(
  'the status of a refused payment says how long it backs off and when it is due',
  async (t) => {
    const world = await startWorld(t, {
      databaseUrl: await postgres.freshDatabase(),
      env: {
        // Nothing is settled yet, so a 500 is waited out to here.
        IN_DOUBT_HORIZON_MS: '1000',
        ATTEMPT_TIMEOUT_MS: '900',
        CONNECT_TIMEOUT_MS: '900',
        QUICK_BACKOFF_MS: '400',
        CIRCUIT_CALLS_MIN: '1000',
        PROBE_INTERVAL_MS: '60000',
        RETRY_DELAY_MS: '1000',
      },
    })
    const client = openClient(t, world.pits[0]?.port ?? 0)
    for (const simulator of Object.values(world.simulators)) simulator.setFailure(true)
    const id = randomUUID()
    await post(t, client, id)

    const backoff = await follow(t, client, { id, until: ({ state }) => state === 'retry' })
    const parked = await follow(t, client, { id, until: ({ state }) => state === 'parked' })
    for (const simulator of Object.values(world.simulators)) simulator.setFailure(false)
    const settled = await follow(t, client, { id, until: ({ state }) => state === 'settled' })

    t.match(backoff, { waitsFor: 'backoff', dueInMs: Number })
    t.ok((backoff.dueInMs ?? 0) <= 600)
    t.match(parked, { waitsFor: 'retryQueue', dueInMs: Number })
    t.ok(settled.attempts.length > 1)
    t.match(settled.attempts.at(-1), { outcome: 'settled' })
    t.equal(settled.dueInMs, undefined)
  },
)

t.test(
  'the status of a payment says at another instance which one owns it and knows its attempts',
  async (t) => {
    const world = await startWorld(t, {
      databaseUrl: await postgres.freshDatabase(),
      instances: 2,
      env: { PROCESSOR_CONCURRENCY: '1', ROUTE_WAIT_MAX_MS: '0' },
    })
    const [first, second] = world.pits.map(({ port }) => openClient(t, port))
    if (first === undefined || second === undefined) throw new Error('two instances run')
    for (const simulator of Object.values(world.simulators)) simulator.setDelay(30_000)
    const ids = Array.from({ length: 6 }, () => randomUUID())
    for (const id of ids) await post(t, first, id)
    const last = ids.at(-1) ?? ''

    const here = JSON.parse((await readStatus(t, first, last)).text) as StatusBody
    const there = JSON.parse((await readStatus(t, second, last)).text) as StatusBody

    t.match(here, { state: 'pending', waitsFor: 'route', attempts: [] })
    t.equal(here.ownedBy, undefined)
    t.equal(here.attemptsKnownTo, undefined)
    const owner = { ownedBy: 'spec-1', attemptsKnownTo: 'spec-1' }
    t.match(there, { state: 'pending', waitsFor: 'owner', ...owner })
  },
)

t.test(
  'the status of a rejected payment says that both processors denied it, and how',
  async (t) => {
    const denies: Respond = async ({ method }) => ({
      status: method === 'POST' ? 400 : 404,
      body: '',
    })
    const client = openClient(t, await startBetween(t, denies))
    const id = randomUUID()
    await post(t, client, id)

    const rejected = await follow(t, client, { id, until: ({ state }) => state === 'rejected' })

    t.match(rejected.attempts, [
      { processor: 'default', outcome: 'denied', reason: 'cheaper', detail: 'http 400' },
      { processor: 'fallback', outcome: 'denied', reason: 'cheaperDenied', detail: 'http 400' },
    ])
    t.equal(rejected.waitsFor, undefined)
    t.equal(rejected.doubts, undefined)
  },
)

type Respond = Parameters<typeof serve>[1]

/** The port of an instance between two processors that respond alike. */
async function startBetween(t: Test, respond: Respond): Promise<number> {
  const env = { ...UNHURRIED, PORT: '0', OPS_PORT: '0', INSTANCE_ID: 'spec-1' }
  const config = readConfig(env)
  const addresses = {
    databaseUrl: await postgres.freshDatabase(),
    processorDefaultUrl: await serve(t, respond),
    processorFallbackUrl: await serve(t, respond),
  }
  const logger = createLogger({ level: 'silent', instanceId: config.instanceId })
  const pit = await startPit(config, addresses, logger)
  t.teardown(() => pit.stop('the spec is over'))
  return pit.port
}

/** What an answer waits for until the spec lets it go. */
function held(): { readonly released: Promise<void>; readonly release: () => void } {
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  return { released, release }
}
