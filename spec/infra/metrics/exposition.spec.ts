import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createMetrics, type MetricsSources } from '../../../src/infra/metrics/metrics.ts'

const OPTIONS = { instanceId: 'spec', version: '1.2.3', fees: { default: 0.05, fallback: 0.15 } }
const QUIET: MetricsSources = {
  isReady: () => true,
  edge: () => ({ refused: 7, inFlight: 3 }),
  countOpen: () => Promise.resolve({ parked: 11, owned: 13 }),
  redisFailures: () => new Map([['readonly', 17]]),
}
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0'

t.test(
  'a scrape without OpenMetrics in its Accept header gets the same in plain text',
  async (t) => {
    const metrics = createMetrics(OPTIONS)
    metrics.telemetry.emit({
      type: 'payment.settled',
      correlationId: randomUUID(),
      processor: 'default',
      amountCents: 1990,
      tookMs: 40,
    })
    const { body: open } = await metrics.scrape(QUIET, `${OPEN_METRICS},text/plain;q=0.5`)
    const { contentType, body: plain } = await metrics.scrape(QUIET, '*/*')

    t.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8')
    t.notMatch(plain, '# EOF')
    t.match(plain, /^# TYPE pit_payments_settled_total counter$/m)
    t.match(open, /^# TYPE pit_payments_settled counter$/m)
    const pit = (text: string): readonly string[] => text.match(/^pit_.*$/gm) ?? []
    t.same(pit(plain), pit(open), 'the samples are called alike')
    const families = [...plain.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
    for (const [, name = '', type] of families.filter(([, name]) => name?.startsWith('pit_'))) {
      const ends = type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      const told = plain.match(new RegExp(`^${name}(?:${ends.join('|')})[{ ]`, 'm'))
      t.ok(told !== null || EMPTY.includes(name), name)
    }
  },
)

/** Without a sample as long as nothing of their kind has happened. */
const EMPTY = [
  'pit_child_restarts_total',
  'pit_processor_failing',
  'pit_processor_min_response_seconds',
]
