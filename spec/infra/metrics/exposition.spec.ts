import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createMetrics, type MetricsSources } from '../../../src/infra/metrics/metrics.ts'
import { missing } from '../../support/requirements.ts'

const OPTIONS = { instanceId: 'spec', version: '1.2.3', fees: { default: 0.05, fallback: 0.15 } }
const QUIET: MetricsSources = {
  isReady: () => true,
  holdsLease: () => true,
  edge: () => ({ refused: 7, inFlight: 3 }),
  countOpen: () => Promise.resolve({ parked: 11, owned: 13, oldestMs: 19_500 }),
  redisFailures: () => new Map([['readonly', 17]]),
  consoleBugs: () => 1,
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

const hasPromtool = promtool(['--version'], '').code !== 'ENOENT'
const skip = hasPromtool ? false : missing('no promtool on PATH')

t.test('Prometheus’ own check finds nothing wrong with any metric', { skip }, async (t) => {
  const metrics = createMetrics(OPTIONS)
  metrics.telemetry.emit({ type: 'child.restarted', child: 'probing', cause: 'x', error: 'x' })
  const said = { failing: false, minResponseMs: 1 }
  metrics.telemetry.emit({ type: 'health.probed', processor: 'default', ...said })

  const { body } = await metrics.scrape(QUIET)

  t.same(promtool(['check', 'metrics'], body), { code: 0, text: '' })
  const faulty = promtool(
    ['check', 'metrics'],
    '# TYPE pit_faulty_total gauge\npit_faulty_total 1\n',
  )
  t.match(faulty, { code: 3, text: 'pit_faulty_total' }, 'it does find what is wrong')
})

/** Its exit code, or that of the system when it does not start, with all that it wrote. */
function promtool(args: readonly string[], input: string): { code: unknown; text: string } {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, {
    input,
    encoding: 'utf8',
    timeout: 60_000,
  })
  if (error !== undefined && 'code' in error) return { code: error.code, text: error.message }
  return { code: status, text: stdout + stderr }
}

/** Without a sample as long as nothing of their kind has happened. */
const EMPTY = [
  'pit_child_restarts_total',
  'pit_oldest_settled_seconds',
  'pit_processor_failing',
  'pit_processor_min_response_seconds',
]
