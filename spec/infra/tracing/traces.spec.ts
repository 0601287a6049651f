import { randomUUID } from 'node:crypto'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { readConfig } from '../../../src/config/config.ts'
import { createLogger } from '../../../src/infra/process/logger.ts'
import { rootSpanIdOf, traceIdOf, traceSample } from '../../../src/infra/tracing/spans.ts'
import { startPit, type Pit } from '../../../src/app/pit.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { attributesOf, serve, startCollector, type CollectedSpan } from '../../support/collector.ts'
import { startPostgres } from '../../support/postgres.ts'
import { openPitClient, whileRefused } from '../../support/system-client.ts'

const postgres = await startPostgres(t)

t.test('a traced payment is one trace over accept, attempts and flush', async (t) => {
  const collector = await startCollector(t)
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, TRACE_SAMPLE: '1' }
  const { pit, told } = await startTraced(t, env)
  const correlationId = randomUUID()
  const client = clientOf(t, pit)
  const posted = { correlationId, amountCents: 1_990 }
  t.equal(await whileRefused(() => client.post(posted)), 202)
  await waitUntil({ what: 'the root arrives' }, () =>
    collector.spans.some(({ name }) => name === 'payment'),
  )

  const { spans } = collector
  const named = (name: string): readonly CollectedSpan[] =>
    spans.filter((span) => span.name === name)
  t.ok(spans.every(({ traceId }) => traceId === traceIdOf(correlationId)))
  const [root, ...otherRoots] = named('payment')
  t.same(otherRoots, [])
  t.equal(root?.spanId, rootSpanIdOf(correlationId))
  t.match(attributesOf(root), {
    'pit.correlation_id': correlationId,
    'pit.amount_cents': 1_990,
    'pit.outcome': 'settled',
    'pit.processor': 'fallback',
  })
  const below = spans.filter((span) => span !== root)
  t.ok(below.every(({ parentSpanId }) => parentSpanId === root?.spanId))
  t.ok(below.every((span) => root !== undefined && isWithin(span, root)))
  t.equal(named('accept').length, 1)
  t.equal(named('flush').length, 1)

  const attempts = named('attempt')
  t.match(attributesOf(attempts[0]), {
    'pit.processor': 'default',
    'pit.outcome': 'refused',
    'pit.reason': 'cheaper',
    'pit.detail': 'http 429',
  })
  t.match(attributesOf(attempts[1]), {
    'pit.processor': 'fallback',
    'pit.outcome': 'settled',
    'pit.reason': 'cheaperRefused',
  })
  const parents = attempts.map(({ spanId }) => `00-${traceIdOf(correlationId)}-${spanId}-01`)
  t.same(told.charges, parents, 'each processor was sent the context of the very attempt')
})

t.test('an attempt in doubt is traced with its reason once a look-up has found it', async (t) => {
  const collector = await startCollector(t)
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, TRACE_SAMPLE: '1' }
  const { pit } = await startTraced(t, env, 502)
  await clientOf(t, pit).postAll(1)
  await waitUntil({ what: 'the root arrives' }, () =>
    collector.spans.some(({ name }) => name === 'payment'),
  )

  const attempts = collector.spans.filter(({ name }) => name === 'attempt').map(attributesOf)
  t.match(attempts, [
    { 'pit.processor': 'default', 'pit.outcome': 'inDoubt', 'pit.reason': 'cheaper' },
  ])
})

t.test('processors get no trace context without a collector', async (t) => {
  const { pit, told } = await startTraced(t, { TRACE_SAMPLE: '1' })
  await clientOf(t, pit).postAll(1)
  await waitUntil({ what: 'both are charged' }, () => told.charges.length === 2)

  t.same(told.charges, [undefined, undefined])
})

t.test(
  'a payment outside the sample is not traced, and its charge has no trace context',
  async (t) => {
    const collector = await startCollector(t)
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, TRACE_SAMPLE: '1000' }
    const { pit, told } = await startTraced(t, env)
    const correlationId = '4a7901b8-7d26-4d9d-aa19-000000000001'
    const client = clientOf(t, pit)
    t.equal(await whileRefused(() => client.post({ correlationId })), 202)
    await waitUntil({ what: 'both are charged' }, () => told.charges.length === 2)
    await pit.stop('the spans are sent at the latest now')

    t.same(told.charges, [undefined, undefined])
    t.equal(collector.requests(), 0)
  },
)

t.test('a collector that is down delays neither payments nor the stop', async (t) => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', TRACE_SAMPLE: '1' }
  const { pit, told } = await startTraced(t, env)
  await clientOf(t, pit).postAll(1)
  await waitUntil({ what: 'both are charged' }, () => told.charges.length === 2)

  await t.resolves(pit.stop('the spec is over'))
})

t.test('every instance traces the same payments, the configured share of them', async (t) => {
  const ids = Array.from({ length: 20_000 }, () => randomUUID())
  const traced = ids.filter((id) => traceSample(100).has(id))

  t.ok(traced.length > 100 && traced.length < 300, `${traced.length} of 200`)
  t.same(
    ids.filter((id) => traceSample(100).has(id)),
    traced,
  )
  t.ok(ids.every((id) => traceSample(1).has(id)))
  t.notOk(traceSample(1).has('00000000-0000-0000-0000-000000000000'), 'no valid trace id')
  t.match(rootSpanIdOf('4a7901b8-7d26-4d9d-0000-000000000000'), '0000000000000001')
})

interface Told {
  /** `traceparent` of each charge, in order, whichever processor got it. */
  readonly charges: (string | undefined)[]
}

/**
 * An instance whose default processor answers every charge with this status, yet has recorded it
 * unless that is a refusal, and whose fallback takes all.
 */
async function startTraced(
  t: Test,
  env: Readonly<Record<string, string>>,
  defaultStatus: 429 | 502 = 429,
): Promise<{ pit: Pit; told: Told }> {
  const told: Told = { charges: [] }
  const processor = (status: number): Promise<string> => {
    let recorded = ''
    return serve(t, async (request) => {
      if (request.method !== 'POST') return lookedUp(request.url ?? '', { status, recorded })
      const { traceparent } = request.headers
      told.charges.push(typeof traceparent === 'string' ? traceparent : undefined)
      recorded = await text(request)
      return { status, body: '{"message":"told"}' }
    })
  }
  const addresses = {
    databaseUrl: await postgres.freshDatabase(),
    processorDefaultUrl: await processor(defaultStatus),
    processorFallbackUrl: await processor(200),
  }
  const settings = { PORT: '0', OPS_PORT: '0', INSTANCE_ID: 'traced', ROUTE_WAIT_MAX_MS: '0' }
  const config = readConfig({ ...settings, ...env })
  const logger = createLogger({ level: 'silent', instanceId: config.instanceId })
  const pit = await startPit(config, addresses, logger)
  t.teardown(() => pit.stop('the spec is over'))
  return { pit, told }
}

/** A look-up finds the last charge. */
function lookedUp(
  path: string,
  { status, recorded }: { readonly status: number; readonly recorded: string },
): { status: number; body: string } {
  if (status === 429 || path.endsWith('/service-health')) return { status: 404, body: '{}' }
  return { status: 200, body: recorded }
}

function clientOf(t: Test, pit: Pit): ReturnType<typeof openPitClient> {
  return openPitClient(t, `http://127.0.0.1:${pit.port}`)
}

function isWithin(span: CollectedSpan, outer: CollectedSpan): boolean {
  return (
    BigInt(span.startTimeUnixNano) >= BigInt(outer.startTimeUnixNano) &&
    BigInt(span.endTimeUnixNano) <= BigInt(outer.endTimeUnixNano)
  )
}
