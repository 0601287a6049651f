import t from 'tap'
import type { Fact } from '../../../src/actors/model/facts.ts'
import { createTotals, totalsTelemetry } from '../../../src/actors/supervisor/totals.ts'
import {
  createFactsLog,
  createLogger,
  startPerformanceLog,
  type LogLevel,
} from '../../../src/infra/process/logger.ts'
import { FLAP_WINDOW_MS } from '../../../src/infra/process/circuit-log.ts'

const MEASURED: Fact = {
  type: 'payments.measured',
  gauges: { ready: 0, inFlight: { default: 0, fallback: 0 }, byState: {} },
}

const ENDED = {
  type: 'attempt.ended',
  correlationId: 'a',
  processor: 'default',
  reason: 'cheaper',
  detail: 'http 503',
  tookMs: 3,
} as const

function changed(to: 'closed' | 'open' | 'halfOpen', processor = 'default' as const): Fact {
  return { type: 'circuit.changed', processor, from: 'closed', to, cause: 'spec' }
}

t.test('an outage is told when it begins, once a window and when it ends', async (t) => {
  const { lines, emit, pass } = startLog('info')

  emit(changed('open'))
  t.match(lines(), [{ msg: 'circuit.changed', level: 'warn', to: 'open', cause: 'spec' }])
  for (let second = 1; second < 10; second += 1) {
    pass(1000)
    emit(changed('halfOpen'), { ...ENDED, outcome: 'refused' }, changed('open'))
  }
  t.equal(lines().length, 1, 'what follows is gathered')
  pass(1000)
  t.match(lines()[1], {
    msg: 'circuit.flapped',
    level: 'warn',
    subsystem: 'health',
    processor: 'default',
    circuit: 'open',
    changes: 18,
    openings: 9,
    openedMsAgo: [9000, 8000, 7000, 6000, 5000, 4000, 3000, 2000, 1000],
    failed: 9,
    forMs: FLAP_WINDOW_MS,
  })

  emit(changed('halfOpen'), { ...ENDED, outcome: 'settled' }, changed('closed'))
  pass(FLAP_WINDOW_MS)
  t.match(lines()[2], { msg: 'circuit.flapped', circuit: 'closed', changes: 2, failed: 0 })
  pass(FLAP_WINDOW_MS)
  t.equal(lines().length, 3, 'a quiet window has no line')
  emit(changed('open'))
  t.match(lines()[3], { msg: 'circuit.changed', to: 'open' })
})

t.test('a line of gathered changes says how attempts failed', async (t) => {
  const { lines, emit, pass } = startLog('info')

  emit(changed('open'), changed('halfOpen'), { ...ENDED, outcome: 'settled', detail: 'http 200' })
  for (const detail of ['timeout', 'http 404', 'http 404']) {
    emit({ ...ENDED, outcome: 'refused', detail })
  }
  pass(FLAP_WINDOW_MS)
  emit(changed('open'))
  pass(FLAP_WINDOW_MS)

  const failures = 'http 404 (2), timeout (1)'
  t.match(lines()[1], { msg: 'circuit.flapped', failed: 3, failures })
  t.match(lines()[2], { msg: 'circuit.flapped', failed: 0, failures: '' }, 'of its own window')
})

t.test('each processor’s circuit is told for itself', async (t) => {
  const { lines, emit, pass } = startLog('info')

  emit(changed('open'))
  pass(1000)
  emit({ ...changed('open'), processor: 'fallback' } as Fact)

  t.match(lines(), [{ processor: 'default' }, { processor: 'fallback' }])
})

t.test('what is gathered is told when the instance ends', async (t) => {
  const { lines, emit, pass } = startLog('info')

  emit(changed('open'))
  pass(1000)
  emit(changed('halfOpen'), { type: 'drain.ended' })

  t.match(lines(), [
    { msg: 'circuit.changed' },
    { msg: 'circuit.flapped', changes: 1, forMs: 1000 },
    { msg: 'drain.ended' },
  ])
})

t.test('single attempts and parked payments are told at debug only', async (t) => {
  const parked: Fact = { type: 'payment.parked', correlationId: 'a', delayMs: 500, doubts: 0 }
  for (const [level, told] of [
    ['info', []],
    ['debug', [{ msg: 'attempt.ended' }, { msg: 'payment.parked' }]],
  ] as const) {
    const { lines, emit } = startLog(level)
    emit({ ...ENDED, outcome: 'refused' }, parked)
    t.match(lines(), told, level)
    t.equal(lines().length, told.length, level)
  }
})

t.test('what money depends on is told at once, each time, in an outage too', async (t) => {
  const { lines, emit } = startLog('info')
  const { correlationId, processor, detail } = ENDED
  const contradiction = { kind: 'amount', amountCents: 1 } as const

  emit(changed('open'), changed('halfOpen'))
  for (const cause of ['one', 'two']) {
    emit(
      { type: 'payment.rejected', correlationId, processor, detail },
      { type: 'payment.contradicted', correlationId, processor, amountCents: 2, contradiction },
      { type: 'ledger.failed', operation: 'record', cause },
    )
  }

  const money = ['payment.rejected', 'payment.contradicted', 'ledger.failed']
  t.same(
    lines().map(({ msg }) => msg),
    ['circuit.changed', ...money, ...money],
  )
})

t.test('the line of each minute counts what failed, was rejected and refused in it', async (t) => {
  const { logger, lines } = memoryLog('info')
  const totals = createTotals()
  const counts = totalsTelemetry(totals)
  let refused = 5
  const log = startPerformanceLog(logger, totals, () => refused)
  const { correlationId, processor, detail } = ENDED

  for (let attempt = 0; attempt < 3; attempt += 1) counts.emit({ ...ENDED, outcome: 'refused' })
  counts.emit({ ...ENDED, processor: 'fallback', outcome: 'inDoubt' })
  counts.emit({ type: 'payment.rejected', correlationId, processor, detail })
  counts.emit(MEASURED)
  refused += 2
  log.stop()

  const counted = { failedDefault: 3, failedFallback: 1, rejected: 1, refused: 2 }
  t.match(lines(), [{ msg: 'performance', ...counted }])
})

/** A log of facts whose time passes second by second, as facts of the gauges come. */
function startLog(level: LogLevel) {
  const { logger, lines } = memoryLog(level)
  let now = 0
  const telemetry = createFactsLog(logger, () => now)
  const emit = (...facts: readonly Fact[]): void => {
    for (const fact of facts) telemetry.emit(fact)
  }
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 1000) {
      now += 1000
      emit(MEASURED)
    }
  }
  return { lines, emit, pass }
}

function memoryLog(level: LogLevel) {
  const texts: string[] = []
  const destination = { write: (text: string) => void texts.push(text) }
  const logger = createLogger({ level, instanceId: 'spec', destination })
  const lines = () => {
    const all = texts.map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>)
    return all.filter(({ msg }) => msg !== 'payments.measured')
  }
  return { logger, lines }
}
