import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Fact } from '../../../src/actors/model/facts.ts'
import { parseSamples, quantile, type Samples } from '../../../src/cli/samples.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { BucketTally } from '../../../src/infra/metrics/histogram.ts'
import { createMetrics, type MetricsSources } from '../../../src/infra/metrics/metrics.ts'
import { createCollectionTallies } from '../../../src/infra/metrics/runtime.ts'
import { freePort } from '../../../src/infra/process/free-port.ts'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { startPostgres } from '../../support/postgres.ts'
import { readText } from '../../support/sources.ts'
import { startWorld } from '../../support/system-world.ts'

const FEES = { default: 0.05, fallback: 0.15 }
const OPTIONS = { instanceId: 'spec', version: '1.2.3', fees: FEES }
const QUIET: MetricsSources = {
  isReady: () => true,
  holdsLease: () => true,
  edge: () => ({ refused: 7, inFlight: 3 }),
  countOpen: () => Promise.resolve({ parked: 11, owned: 13, oldestMs: 19_500 }),
  redisFailures: () => new Map([['readonly', 17]]),
  consoleBugs: () => 19,
}

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0'

/** What a scraper reads after these facts. */
async function told(facts: readonly Fact[], sources = QUIET): Promise<Samples> {
  const metrics = createMetrics(OPTIONS)
  for (const fact of facts) metrics.telemetry.emit(fact)
  return parseSamples((await metrics.scrape(sources)).body)
}

const SETTLED = {
  type: 'payment.settled',
  correlationId: randomUUID(),
  processor: 'default',
  amountCents: 1990,
  tookMs: 40,
} as const

const ONE = { payments: 1, cents: 1990 }

const RECORDED = {
  type: 'batch.recorded',
  outcomes: 1,
  settled: { default: ONE, fallback: { payments: 0, cents: 0 } },
  tookMs: 3,
} as const

const CONTRADICTED = {
  type: 'payment.contradicted',
  correlationId: SETTLED.correlationId,
  processor: 'fallback',
  amountCents: 1990,
} as const

const ENDED = {
  type: 'attempt.ended',
  correlationId: SETTLED.correlationId,
  processor: 'fallback',
  reason: 'cheaperOpen',
  detail: 'timeout',
} as const

t.test('payments are counted by their outcome', async (t) => {
  const samples = await told([
    { type: 'batch.accepted', accepted: 5, known: 2, conflicting: 1, parked: false, tookMs: 1.5 },
    { type: 'batch.accepted', accepted: 3, known: 0, conflicting: 0, parked: true, tookMs: 0.2 },
    { type: 'payment.rejected', correlationId: randomUUID(), processor: 'default', detail: '400' },
    { ...CONTRADICTED, contradiction: { kind: 'amount', amountCents: 1 } },
    { ...CONTRADICTED, contradiction: { kind: 'absence' } },
    { ...CONTRADICTED, contradiction: { kind: 'absence' } },
    { type: 'control.missing', processor: 'default', correlationId: randomUUID() },
    { type: 'lookUp.failed', processor: 'default', correlationId: randomUUID(), detail: 'a' },
    { type: 'payment.parked', correlationId: randomUUID(), delayMs: 1, doubts: 0 },
    { type: 'payments.claimed', payments: 4, from: 'takeover' },
    { ...RECORDED, outcomes: 9, settled: { default: ONE, fallback: { payments: 1, cents: 10 } } },
    {
      type: 'payment.contradicted',
      correlationId: randomUUID(),
      processor: 'fallback',
      amountCents: 1990,
      contradiction: { kind: 'settlement', requestedAt: 5 },
    },
    {
      type: 'outcome.refused',
      correlationId: randomUUID(),
      outcome: 'settled',
      sqlState: '22003',
      cause: 'no',
    },
    { type: 'accept.refused', payments: 2, correlationIds: [], sqlState: '22003', cause: 'no' },
    { type: 'row.damaged', operation: 'find', correlationId: null, cause: 'no' },
  ])

  const of = (name: string): number | undefined => samples.sum(`pit_payments_${name}_total`)
  t.same([of('accepted'), of('known'), of('conflicting'), of('refused')], [8, 2, 1, 7])
  t.same([of('parked'), of('settled'), of('rejected'), of('broken')], [1, 2, 1, 0])
  const contradicted = (kind: string): number | undefined =>
    samples.sum('pit_payments_contradicted_total', { processor: 'fallback', kind })
  const kinds = ['amount', 'id', 'instant', 'absence', 'settlement', 'rejection']
  t.same(kinds.map(contradicted), [1, 0, 0, 2, 1, 0])
  t.equal(samples.sum('pit_payments_claimed_total', { source: 'takeover' }), 4)
  t.equal(samples.sum('pit_outcomes_refused_total'), 1)
  t.equal(samples.sum('pit_accepts_refused_total'), 2)
  t.equal(samples.sum('pit_controls_missing_total', { processor: 'default' }), 1)
  t.equal(samples.sum('pit_lookups_failed_total', { processor: 'default' }), 1)
  t.equal(samples.sum('pit_rows_damaged_total'), 1)
  t.equal(samples.sum('pit_settled_cents_total', { processor: 'default' }), 1990)
  t.equal(samples.sum('pit_settled_cents_total', { processor: 'fallback' }), 10)
  t.equal(samples.sum('pit_commit_payments_sum', { lane: 'accept' }), 11)
  t.equal(samples.sum('pit_commit_payments_count', { lane: 'outcome' }), 1)
  t.equal(samples.sum('pit_commit_duration_seconds_sum', { lane: 'outcome' }), 0.003)
})

t.test('another process under the same id is counted, and 0 before', async (t) => {
  const doubled = { type: 'instance.doubled', leaseId: 1, otherLeaseId: 2 } as const

  t.equal((await told([])).sum('pit_instance_doubled_total'), 0)
  t.equal((await told([doubled, doubled])).sum('pit_instance_doubled_total'), 2)
})

t.test('every attempt is counted once, by the processor and its outcome', async (t) => {
  const samples = await told([
    { ...ENDED, outcome: 'inDoubt', tookMs: 8_000 },
    { ...ENDED, outcome: 'refused', tookMs: 0.3 },
    { ...SETTLED, attemptTookMs: 3.5 },
    // Settled by a look-up: its attempt has ended before, in doubt.
    SETTLED,
  ])

  const attempts = (processor: string, outcome: string): number | undefined =>
    samples.sum('pit_attempts_total', { processor, outcome })
  t.equal(attempts('fallback', 'inDoubt'), 1)
  t.equal(attempts('fallback', 'refused'), 1)
  t.equal(attempts('default', 'settled'), 1)
  t.equal(samples.sum('pit_attempts_total'), 3)
  t.equal(samples.sum('pit_attempt_duration_seconds_count', { processor: 'fallback' }), 2)
  t.equal(samples.sum('pit_attempt_duration_seconds_sum', { processor: 'default' }), 0.0035)
  t.equal(samples.sum('pit_settlement_duration_seconds_count', { processor: 'default' }), 2)
})

t.test('gauges have the present state of circuits, memory, the ledger and the lease', async (t) => {
  const samples = await told([
    { type: 'circuit.changed', processor: 'default', from: 'closed', to: 'open', cause: 'spec' },
    { type: 'health.probed', processor: 'default', failing: true, minResponseMs: 1_500 },
    {
      type: 'payments.measured',
      gauges: { ready: 21, inFlight: { default: 4, fallback: 5 }, byState: { confirming: 6 } },
    },
  ])

  const circuit = (processor: string, state: string): number | undefined =>
    samples.sum('pit_circuit_state', { processor, state })
  t.same([circuit('default', 'open'), circuit('default', 'closed')], [1, 0])
  t.same([circuit('fallback', 'open'), circuit('fallback', 'closed')], [0, 1])
  t.equal(samples.sum('pit_circuit_changes_total', { state: 'open' }), 1)
  t.equal(samples.sum('pit_processor_failing', { processor: 'default' }), 1)
  t.equal(samples.sum('pit_processor_failing', { processor: 'fallback' }), undefined)
  t.equal(samples.sum('pit_processor_min_response_seconds'), 1.5)
  t.equal(samples.sum('pit_payments_waiting'), 21)
  t.equal(samples.sum('pit_charges_in_flight', { processor: 'fallback' }), 5)
  t.equal(samples.sum('pit_payments_in_work', { state: 'confirming' }), 6)
  t.equal(samples.sum('pit_ledger_open_payments', { kind: 'parked' }), 11)
  t.equal(samples.sum('pit_ledger_oldest_open_seconds'), 19.5)
  t.equal(samples.sum('pit_lease_held'), 1)
  t.equal(samples.sum('pit_ready'), 1)
  t.equal(samples.sum('pit_http_in_flight'), 3)
  t.equal(samples.sum('pit_console_bugs_total'), 19)
  t.equal(samples.label('pit_build_info', 'version'), '1.2.3')
})

t.test('a lease that has run out is not held at the next scrape', async (t) => {
  const metrics = createMetrics(OPTIONS)
  metrics.telemetry.emit({ type: 'lease.acquired', leaseId: 1 })
  const isHeld = async (holds: boolean): Promise<number | undefined> => {
    const { body } = await metrics.scrape({ ...QUIET, holdsLease: () => holds })
    return parseSamples(body).sum('pit_lease_held')
  }

  t.equal(await isHeld(true), 1)
  t.equal(await isHeld(false), 0)
})

t.test('a scrape is answered without the ledger when it is silent or fails', async (t) => {
  const silent = { ...QUIET, countOpen: () => new Promise<never>(() => undefined) }
  const failing = {
    ...QUIET,
    countOpen: () => Promise.reject(new LedgerUnavailable('countOpen', 'none')),
  }

  for (const sources of [silent, failing]) {
    const samples = await told([RECORDED], sources)
    t.equal(samples.sum('pit_payments_settled_total'), 1)
    t.equal(samples.sum('pit_ledger_open_payments'), undefined)
    t.equal(samples.sum('pit_ledger_oldest_open_seconds'), undefined)
  }
})

t.test('a bug in the count of open payments fails the scrape', async (t) => {
  const metrics = createMetrics(OPTIONS)
  const broken = { ...QUIET, countOpen: () => Promise.reject(new Error('a bug')) }

  await t.rejects(metrics.scrape(broken), { message: 'a bug' })
})

t.test('counters go on over several scrapes, also simultaneous ones', async (t) => {
  const metrics = createMetrics(OPTIONS)
  const settled = async (): Promise<number | undefined> => {
    const { body } = await metrics.scrape(QUIET)
    return parseSamples(body).sum('pit_payments_settled_total')
  }
  metrics.telemetry.emit(RECORDED)
  t.equal(await settled(), 1)
  metrics.telemetry.emit(RECORDED)
  t.same(await Promise.all([settled(), settled()]), [2, 2])
})

t.test('a histogram counts a value in the bucket that it fits, ends inclusive', async (t) => {
  const tally = new BucketTally([1, 2, 5])
  for (const value of [0, 1, 1.01, 2, 5, 5.1, 1e9]) tally.record(value)

  t.same([...tally.counts], [2, 2, 1, 2])
  t.equal(tally.sum, 0 + 1 + 1.01 + 2 + 5 + 5.1 + 1e9)
})

t.test('accept latencies are taken in µs and exported in seconds, from 0.25 ms', async (t) => {
  const metrics = createMetrics(OPTIONS)
  for (const us of [100, 250, 251, 999, 3_000_000]) metrics.latency.record(us)
  const samples = parseSamples((await metrics.scrape(QUIET)).body)
  const buckets = samples.buckets('pit_accept_duration_seconds')

  t.equal(samples.sum('pit_accept_duration_seconds_count'), 5)
  t.match(samples.sum('pit_accept_duration_seconds_sum')?.toFixed(4), '3.0016')
  t.same(buckets[0], { le: 0.00025, count: 2 })
  t.same(buckets.at(-1), { le: Infinity, count: 5 })
  t.equal(quantile(0.4, buckets), 0.00025)
  t.equal(quantile(1, buckets), 2.5, 'beyond the last end there is only that end')
  t.equal(quantile(0.5, []), undefined)
  t.equal(quantile(0.99, buckets, buckets), undefined, 'nothing between two equal scrapes')
})

t.test(
  'names and units follow the rules of Prometheus, and docs/METRICS.md has each',
  async (t) => {
    const metrics = createMetrics(OPTIONS)
    metrics.telemetry.emit({
      type: 'child.restarted',
      child: 'probing',
      cause: 'spec',
      error: 'spec',
    })
    const { contentType, body } = await metrics.scrape(QUIET, OPEN_METRICS)
    const families = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(
      ([, name = '', type = '']) => {
        return type === 'counter' ? `${name}_total` : name
      },
    )
    const own = families.filter((name) => name.startsWith('pit_'))
    const documents = readText('docs/METRICS.md')
    const documented = new Set([...documents.matchAll(/^\| `(pit_\w+)`/gm)].map(([, name]) => name))

    t.match(contentType, /^application\/openmetrics-text; version=1\.0\.0/)
    t.ok(body.endsWith('# EOF\n'))
    t.equal(new Set(families).size, families.length, 'each stands there once')
    t.same(own.toSorted(), [...documented].toSorted())
    for (const name of own) {
      t.match(name, /^pit_[a-z]+(_[a-z]+)*$/)
      t.notMatch(name, /_(ms|us|milliseconds|duration)$/)
    }
    t.ok(families.includes('nodejs_gc_duration_seconds'))
    t.ok(families.includes('nodejs_eventloop_lag_p99_seconds'))
    t.ok(families.includes('process_cpu_seconds_total'))
  },
)

t.test('a garbage collection of an unknown kind is counted as another one', async (t) => {
  const { series, record } = createCollectionTallies()

  record(1 << 20, 0.25)
  record(undefined, 0.5)

  t.same(
    series.filter(([, { sum }]) => sum > 0).map(([{ kind }, { sum }]) => [kind, sum]),
    [['other', 0.75]],
  )
})

t.test('garbage collections are counted from the first scrape on', async (t) => {
  const metrics = createMetrics(OPTIONS)
  const collections = async (): Promise<number> => {
    const { body } = await metrics.scrape(QUIET)
    return parseSamples(body).sum('nodejs_gc_duration_seconds_count') ?? 0
  }
  t.equal(await collections(), 0)

  await waitUntil({ what: 'garbage is collected' }, async () => {
    Array.from({ length: 200_000 }, (_, index) => ({ index }))
    return (await collections()) > 0
  })
})

t.test('archived payments are counted, with the age of the oldest that is left', async (t) => {
  const archived = { type: 'payments.archived', tookMs: 5 } as const

  const samples = await told([
    { ...archived, payments: 4, oldestMs: 9_000 },
    { ...archived, payments: 3, oldestMs: 7_000 },
    { type: 'archive.waiting', reason: 'the role lacks payments.DELETE' },
  ])

  t.equal(samples.sum('pit_archived_payments_total'), 7)
  t.equal(samples.sum('pit_oldest_settled_seconds'), 7)
  t.equal(samples.sum('pit_archive_waits_total'), 1)
})

t.test('the metrics of a live instance equal what clients and processors counted', async (t) => {
  const postgres = await startPostgres(t)
  const opsPort = await freePort()
  const world = await startWorld(t, {
    databaseUrl: await postgres.freshDatabase(),
    env: { OPS_PORT: String(opsPort) },
  })
  const ids = await world.client.postAll(30)
  await world.client.post({ correlationId: ids[0] ?? '', amountCents: 1 })
  await world.booksAgree(t)
  let samples = parseSamples('')
  await waitUntil({ what: 'the last outcomes are committed' }, async () => {
    samples = parseSamples(await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text())
    return samples.sum('pit_payments_settled_total') === 30
  })

  const paid = world.simulators.default.ledger.summarize({}).payments
  const paidToo = world.simulators.fallback.ledger.summarize({}).payments
  t.equal(samples.sum('pit_payments_accepted_total'), 30)
  t.equal(samples.sum('pit_payments_conflicting_total'), 1)
  t.equal(samples.sum('pit_payments_settled_total', { processor: 'default' }), paid)
  t.equal(samples.sum('pit_payments_settled_total', { processor: 'fallback' }), paidToo)
  t.equal(samples.sum('pit_attempts_total', { outcome: 'settled' }), 30)
  t.equal(samples.sum('pit_attempt_duration_seconds_count'), samples.sum('pit_attempts_total'))
  t.equal(samples.sum('pit_accept_duration_seconds_count'), 31)
  t.equal(samples.sum('pit_commit_payments_sum', { lane: 'accept' }), 31)
  t.equal(samples.sum('pit_ready'), 1)
  t.equal(samples.sum('pit_ledger_open_payments'), 0)
})
