import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Client } from 'undici'
import type { EdgeRequest } from '../../src/actors/messages.ts'
import { describeApi } from '../../src/http/openapi/openapi.ts'
import type { ApiDocument } from '../../src/http/openapi/document.ts'
import { startOps } from '../../src/http/ops.ts'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import {
  answerFaults,
  createDescriptionCheck,
  openClient,
  type Answer,
} from '../support/description-check.ts'
import { schemaFaults } from '../support/json-schema.ts'
import { startPostgres } from '../support/postgres.ts'
import { startWorld, type World } from '../support/system-world.ts'
import { ID, PAYMENT, startEdge } from './edge-under-test.ts'
import { OPS } from './ops-under-test.ts'

const postgres = await startPostgres(t)
const api = describeApi('0.0.0')
const descriptionCheck = createDescriptionCheck(api)

const OPS_PATHS = ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs']
const PAYMENTS = { path: '/payments', method: 'POST' } as const
const STATUS = '/payments/{correlationId}'

function readStatus(t: Test, client: Client, id: string): Promise<Answer> {
  return descriptionCheck.ask(t, client, { path: STATUS, at: `/payments/${id}` })
}

function payment(correlationId: string, amount = 19.9): string {
  return JSON.stringify({ correlationId, amount })
}

t.test('a live instance answers as the API description says', async (t) => {
  const opsPort = await freePort()
  const world = await startWorld(t, {
    databaseUrl: await postgres.freshDatabase(),
    env: { OPS_PORT: String(opsPort), ALLOW_PURGE: 'true' },
  })
  const client = openClient(t, world.pits[0]?.port ?? 0)
  const ops = openClient(t, opsPort)
  const id = randomUUID()

  t.equal((await descriptionCheck.ask(t, client, { ...PAYMENTS, body: payment(id) })).status, 202)
  t.equal(
    (await descriptionCheck.ask(t, client, { ...PAYMENTS, body: payment(id, 20) })).status,
    409,
  )
  t.equal((await descriptionCheck.ask(t, client, { ...PAYMENTS, body: payment('x') })).status, 400)
  const long = { ...PAYMENTS, body: ' '.repeat(5_000) }
  t.equal((await descriptionCheck.ask(t, client, long)).status, 413)
  const text = { ...PAYMENTS, body: payment(id), type: 'text/plain' }
  t.equal((await descriptionCheck.ask(t, client, text)).status, 415)
  await waitUntil({ what: 'it is settled' }, async () => {
    return (
      (JSON.parse((await readStatus(t, client, id)).text) as { state: string }).state === 'settled'
    )
  })
  t.equal((await readStatus(t, client, randomUUID())).status, 404)
  t.equal((await readStatus(t, client, 'no-uuid')).status, 400)
  const summary = { path: '/payments-summary' }
  t.match(JSON.parse((await descriptionCheck.ask(t, client, summary)).text), {
    default: { totalRequests: 1, totalAmount: 19.9 },
  })
  const blurred = { ...summary, at: '/payments-summary?from=yesterday' }
  t.equal((await descriptionCheck.ask(t, client, blurred)).status, 400)
  const purge = { path: '/purge-payments', method: 'POST' } as const
  t.equal((await descriptionCheck.ask(t, client, purge)).status, 200)
  const longPurge = { ...purge, body: ' '.repeat(5_000) }
  t.equal((await descriptionCheck.ask(t, client, longPurge)).status, 413)

  for (const path of OPS_PATHS) {
    t.equal((await descriptionCheck.ask(t, ops, { path })).status, 200)
    const owned = { path, host: `rebound.example:${opsPort}` }
    t.equal((await descriptionCheck.ask(t, ops, owned)).status, 403, 'others may own that name')
    const head = await ops.request({ method: 'HEAD', path })
    t.equal(head.statusCode, 200)
    await head.body.dump()
  }
  for (const accept of ['application/openmetrics-text; version=1.0.0', 'text/plain']) {
    const told = await ops.request({ method: 'GET', path: '/metrics', headers: { accept } })
    t.match(told.headers['content-type'], accept.split(';')[0], 'metrics in the format asked for')
    t.equal((await told.body.text()).endsWith('# EOF\n'), accept.startsWith('application'))
  }
  await t.test('an unknown path is answered 404, and a wrong method 405, as described', (t) =>
    refusesTheRest(t, client, ops),
  )
  await t.test('an instance that is stopping is alive, not ready, and refuses payments', (t) =>
    drains(t, world, { client, ops }),
  )
})

async function refusesTheRest(t: Test, client: Client, ops: Client): Promise<void> {
  const { NotFound } = api.components.responses
  if (NotFound === undefined) throw new Error('not described')
  for (const asked of [client, ops]) {
    const {
      statusCode: status,
      headers,
      body,
    } = await asked.request({
      method: 'GET',
      path: '/nowhere',
    })
    t.equal(status, 404)
    t.same(answerFaults(api, NotFound, { status, headers, text: await body.text() }), [])
  }
  for (const [path, item] of Object.entries(api.paths)) {
    const method = item.get === undefined ? 'GET' : 'POST'
    const at = path.replace('{correlationId}', ID)
    const asked = item.servers === undefined ? client : ops
    t.equal((await descriptionCheck.ask(t, asked, { path, at, method })).status, 405, path)
  }
}

/** A charge that is under way keeps the instance draining while the spec reads its answers. */
async function drains(
  t: Test,
  { pits, simulators }: World,
  { client, ops }: { client: Client; ops: Client },
): Promise<void> {
  simulators.default.setDelay(400)
  simulators.fallback.setDelay(400)
  await descriptionCheck.ask(t, client, { ...PAYMENTS, body: payment(randomUUID()) })
  await waitUntil({ what: 'it is being charged' }, () => {
    return simulators.default.sends().received + simulators.fallback.sends().received > 1
  })

  const stopped = pits[0]?.stop('the spec says so')

  const ready = descriptionCheck.ask(t, ops, { path: '/readyz' })
  const refused = descriptionCheck.ask(t, client, { ...PAYMENTS, body: payment(randomUUID()) })
  t.equal((await ready).status, 503)
  t.equal((await refused).status, 503)
  t.equal((await descriptionCheck.ask(t, ops, { path: '/healthz' })).status, 200)
  await stopped
}

t.test(
  'answers to a failing or damaged ledger and to a forbidden purge are as described',
  async (t) => {
    const silent = await startEdge(t, { supervise: refuse, allowPurge: true })
    const huge = await startEdge(t, {
      supervise: (request) => {
        if (request.type === 'payment.requested') request.replyTo({ kind: 'damaged' })
        if (request.type !== 'summary.requested') return
        const total = { payments: 1, cents: 2n ** 53n }
        request.replyTo({ kind: 'found', value: { default: total, fallback: total } })
      },
    })
    const statusOf = async (
      { server }: typeof silent,
      path: string,
      more: { method?: 'GET' | 'POST'; at?: string } = {},
    ) => (await descriptionCheck.ask(t, openClient(t, server.port), { path, ...more })).status

    t.equal(await statusOf(silent, STATUS, { at: `/payments/${ID}` }), 503)
    t.equal(await statusOf(silent, '/payments-summary'), 503)
    t.equal(await statusOf(silent, '/purge-payments', { method: 'POST' }), 503)
    t.equal(await statusOf(huge, '/payments-summary'), 200)
    t.equal(await statusOf(huge, STATUS, { at: `/payments/${ID}` }), 500)
    t.equal(await statusOf(huge, '/purge-payments', { method: 'POST' }), 403)
  },
)

function refuse(request: EdgeRequest): void {
  if (request.type === 'payment.received') request.replyTo('unavailable')
  else request.replyTo({ kind: 'unavailable', why: 'late' })
}

t.test('each described answer was received in the tests before', async (t) => {
  t.same(descriptionCheck.missing(), [])
})

t.test('an operators’ port that is open to a network answers under any name', async (t) => {
  const opsPort = await freePort()
  await startWorld(t, {
    databaseUrl: await postgres.freshDatabase(),
    env: { OPS_HOST: '0.0.0.0', OPS_PORT: String(opsPort) },
  })
  const ops = openClient(t, opsPort)

  for (const path of OPS_PATHS) {
    const named = { path, host: 'pit-1.pit.svc.cluster.local:9998' }
    t.equal((await descriptionCheck.ask(t, ops, named)).status, 200, 'probes and Prometheus do')
  }
})

t.test('health and readiness are answered separately', async (t) => {
  let reason: string | undefined
  const ops = await startOps({ ...OPS, whyNotReady: () => reason, extend: addHello })
  t.teardown(() => ops.close())
  const ask = async (path: string, method = 'GET'): Promise<number> => {
    const { status } = await fetch(`http://127.0.0.1:${ops.port}${path}`, { method })
    return status
  }

  t.equal(await ask('/readyz'), 200)
  reason = 'Nothing can be committed.'
  t.equal(await ask('/readyz'), 503)
  const told = await fetch(`http://127.0.0.1:${ops.port}/readyz`)
  t.match(told.headers.get('content-type'), 'application/problem+json')
  t.match(await told.json(), { status: 503, detail: reason })
  t.equal(await ask('/readyz', 'HEAD'), 503)
  reason = undefined
  t.equal(await ask('/readyz'), 200)
  t.equal(await ask('/healthz'), 200)
  t.equal(await ask('/healthz', 'POST'), 405)
  t.equal(await ask('/payments', 'POST'), 404)
  t.equal(await ask('/hello'), 200, 'further routes come before the 404')
})

t.test('readiness carries what operators ought to know', async (t) => {
  const remarks: string[] = []
  const ops = await startOps({ ...OPS, remark: () => remarks[0] })
  t.teardown(() => ops.close())
  const ask = async (): Promise<unknown> =>
    (await fetch(`http://127.0.0.1:${ops.port}/readyz`)).json()

  t.strictSame(await ask(), { ready: true })
  remarks.push('PostgreSQL was restored.')
  t.strictSame(await ask(), { ready: true, remark: remarks[0] })
})

const addHello: NonNullable<(typeof OPS)['extend']> = (app) => {
  app.get('/hello', (response) => {
    response.end('hello')
  })
}

t.test('the page of the API shows all operations and loads nothing', async (t) => {
  const ops = await startOps(OPS)
  t.teardown(() => ops.close())
  const answer = await fetch(`http://127.0.0.1:${ops.port}/docs`)
  const page = await answer.text()
  const served = await fetch(`http://127.0.0.1:${ops.port}/openapi.json`)
  const document = (await served.json()) as ApiDocument

  t.same(document, JSON.parse(JSON.stringify(describeApi('0.0.0'))))
  t.match(answer.headers.get('content-security-policy'), /default-src 'none'/)
  for (const path of Object.keys(document.paths)) t.ok(page.includes(`</span>${path}</code>`), path)
  for (const name of Object.keys(document.components.schemas)) {
    t.ok(page.includes(`id="schema-${name}"`), name)
  }
  t.notMatch(page, /<script|<link|<img|src=|url\(|undefined|\[object/)
  const links = [...page.matchAll(/href="#([^"]+)"/g)].map((match) => match[1])
  t.same(
    links.filter((link) => !page.includes(`id="${link}"`)),
    [],
  )
})

t.test(
  'the described schema takes the payments that Pit takes, and none out of bounds',
  async (t) => {
    const schema = { $ref: '#/components/schemas/Payment' }
    const isPayment = (value: unknown): boolean => schemaFaults(api, schema, value).length === 0

    t.ok(isPayment(JSON.parse(PAYMENT)))
    t.ok(isPayment({ correlationId: ID, amount: 1_000_000_000, more: true }))
    for (const amount of [0, -1, 1_000_000_000.01, '19.90', null]) {
      t.notOk(isPayment({ correlationId: ID, amount }), String(amount))
    }
    t.notOk(isPayment({ amount: 1 }))
    t.notOk(isPayment({ correlationId: 'x', amount: 1 }))
  },
)
