// npm run bench:sustained: how much the whole layout settles within its shares, step by step until
// settlements no longer keep up.

import { runBench, type Note } from './measure/command.ts'
import type { Figures } from './measure/figures.ts'
import { oneOf, whole } from './measure/flags.ts'
import { watchMemory } from './measure/memory-watch.ts'
import { loadSteadily } from './measure/payment-load.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, servicesOf, sumOf, usageBetween, withLimits } from './measure/usage.ts'
import { sharesFor, startWorld, type World } from './measure/world.ts'
import { checkWindow } from './challenge/checks.ts'

interface Options {
  readonly from: number
  readonly step: number
  readonly to: number
  readonly seconds: number
  readonly limits: 'compose' | 'none'
}

interface Step {
  readonly perSecond: number
  readonly keptUp: boolean
  readonly figures: Figures
  readonly services: Readonly<Record<string, Figures>>
}

/** A step keeps up when less than this much of its load is left over at its end, s. */
const LEFT_OVER_SECONDS_MAX = 1
/** And when so much of what was due was accepted. */
const ACCEPTED_SHARE_MIN = 0.99
const CONNECTIONS = 512
/** For what is left over to be settled, ms. */
const DRAIN_WITHIN_MS = 120_000

await runBench({
  name: 'sustained',
  purpose:
    'The whole layout within the shares of docker-compose.yml, processors up: the load grows step by\n' +
    'step until settlements no longer keep up. Told is the last step that kept up; then everything\n' +
    'is settled and the books are compared.',
  runs: 3,
  flags: {
    from: whole({ fallback: 500, min: 1, max: 50_000, meaning: 'first step, payments/s' }),
    step: whole({ fallback: 250, min: 1, max: 50_000, meaning: 'added by each step, payments/s' }),
    to: whole({ fallback: 8000, min: 1, max: 50_000, meaning: 'last step, payments/s' }),
    seconds: whole({ fallback: 15, min: 1, max: 3600, meaning: 'length of a step, s' }),
    limits: oneOf(['compose', 'none'], 'shares of docker-compose.yml, or none'),
  },
  variants: (options) => [
    { name: `limits ${options.limits}`, measure: (note) => measure(options, note) },
  ],
})

async function measure(options: Options, note: Note): Promise<Measured> {
  const shares = sharesFor(options.limits)
  const world = await startWorld({ limits: shares })
  const watch = watchMemory({ services: servicesOf(world.layout), everyMs: 1000 })
  try {
    const steps: Step[] = []
    let accepted = 0
    for (let perSecond = options.from; perSecond <= options.to; perSecond += options.step) {
      const step = await climb({ world, perSecond, seconds: options.seconds, accepted })
      accepted += step.accepted
      steps.push(step)
      note(describeStep(step))
      if (!step.keptUp) break
    }
    const drainedFrom = performance.now()
    const isStored = await world.storesAll(accepted, DRAIN_WITHIN_MS)
    const drainSeconds = (performance.now() - drainedFrom) / 1000
    const books = await checkWindow(world.parties, {})
    const { highest } = watch.stop()
    const measured = told(steps, highest, {
      drainSeconds,
      lost: isStored ? 0 : accepted - (await world.stored()),
      booksEqual: books.agree ? 1 : 0,
    })
    return { ...measured, services: withLimits(measured.services ?? {}, shares) }
  } finally {
    watch.stop()
    await world.stop()
  }
}

async function climb(request: {
  readonly world: World
  readonly perSecond: number
  readonly seconds: number
  /** Payments accepted by all steps before. */
  readonly accepted: number
}): Promise<Step & { readonly accepted: number }> {
  const { world, perSecond, seconds } = request
  const services = servicesOf(world.layout)
  const [recordedBefore, storedBefore] = [await world.recorded(), await world.stored()]
  const start = readUsage(services)
  const plan = { target: world.front, seconds, connections: CONNECTIONS }
  const { tally, unsent, generator } = await loadSteadily(plan, perSecond)
  const storedAfter = await world.stored()
  const end = readUsage(services)
  const recordedAfter = await world.recorded()
  const wallSeconds = (end.at - start.at) / 1000
  const stored = storedAfter - storedBefore
  const leftOver = request.accepted + tally.succeeded - storedAfter
  const used = usageBetween({ start, end, payments: stored })
  const keptUp =
    leftOver <= perSecond * LEFT_OVER_SECONDS_MAX &&
    tally.succeeded >= perSecond * seconds * ACCEPTED_SHARE_MIN
  const { p50Ms, p99Ms } = tally.latency.report()
  return {
    perSecond,
    keptUp,
    accepted: tally.succeeded,
    services: used,
    figures: {
      perSecond,
      storedPerSecond: stored / wallSeconds,
      settledPerSecond: (recordedAfter - recordedBefore) / wallSeconds,
      cpuUsPerPayment: sumOf(used, 'cpuUsPerPayment'),
      cpuUsPerPaymentOfPits: sumOf(used, 'cpuUsPerPayment', 'pit-'),
      cpus: sumOf(used, 'cpus'),
      throttledPeriods: sumOf(used, 'throttledPeriods'),
      p50Ms,
      p99Ms,
      failed: tally.failed,
      unsent,
      leftOver,
      generatorDelayP99Ms: generator.delayP99Ms,
    },
  }
}

/** The last step that kept up; where none did the first one, whose `leftOver` shows it. */
function told(
  steps: readonly Step[],
  highest: Readonly<Record<string, Figures>>,
  after: Figures,
): Measured {
  const best = steps.findLast((step) => step.keptUp) ?? steps[0]
  const services = Object.entries(best?.services ?? {}).map(
    ([name, figures]) => [name, { ...figures, ...highest[name] }] as const,
  )
  return {
    figures: { ...best?.figures, stepsKept: steps.filter((step) => step.keptUp).length, ...after },
    services: Object.fromEntries(services),
    series: steps.map((step) => ({ ...step.figures, keptUp: step.keptUp ? 1 : 0 })),
  }
}

function describeStep({ perSecond, keptUp, figures }: Step): string {
  const of = (name: string): string => (figures[name] ?? 0).toFixed(1)
  return (
    `${perSecond}/s: ${keptUp ? 'kept up' : 'fell behind'}, stored ${of('storedPerSecond')}/s, ` +
    `p99 ${of('p99Ms')} ms, ${of('cpuUsPerPayment')} µs a payment, ` +
    `${of('throttledPeriods')} throttled, ${of('leftOver')} left over, ${of('failed')} failed`
  )
}
