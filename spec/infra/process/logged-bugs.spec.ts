import t from 'tap'
import type { Fact } from '../../../src/actors/model/facts.ts'
import { createFactsLog, createLogger, logBug } from '../../../src/infra/process/logger.ts'
import type { Logger, LogLevel } from '../../../src/infra/process/logger.ts'

const BUG = new TypeError('x is not a function')
const CAUSE = BUG.message

/** What ended, by the bug that ended it. */
const ENDS: readonly { readonly fact: Fact; readonly names: object }[] = [
  {
    fact: { type: 'child.restarted', child: 'probing', cause: CAUSE, error: BUG },
    names: { child: 'probing' },
  },
  {
    fact: { type: 'drain.started', cause: CAUSE, bug: { child: 'payments', error: BUG } },
    names: { child: 'payments' },
  },
  {
    fact: { type: 'payment.broken', correlationId: 'a', cause: CAUSE, error: BUG },
    names: { correlationId: 'a' },
  },
]

for (const { fact, names } of ENDS) {
  t.test(`the bug behind ${fact.type} is one line at level error with its stack`, async (t) => {
    for (const level of ['trace', 'info', 'warn', 'error', 'fatal'] as const) {
      const { logger, lines } = memoryLogger(level)

      createFactsLog(logger).emit(fact)

      const err = { message: BUG.message, stack: BUG.stack }
      t.match(lines(), [{ level: 'error', msg: fact.type, cause: CAUSE, ...names, err }], level)
      t.equal(lines().length, 1, level)
    }
  })
}

t.test('a silent log tells no bug', async (t) => {
  const { logger, lines } = memoryLogger('silent')

  for (const { fact } of ENDS) createFactsLog(logger).emit(fact)
  logBug(logger, { err: BUG }, 'supervisor.failed')

  t.same(lines(), [])
})

t.test('a drain that was asked for is no bug: one line at level info', async (t) => {
  const { logger, lines } = memoryLogger('info')
  const quiet = memoryLogger('warn')
  const fact: Fact = { type: 'drain.started', cause: 'SIGTERM' }

  createFactsLog(logger).emit(fact)
  createFactsLog(quiet.logger).emit(fact)

  t.match(lines(), [{ level: 'info', msg: 'drain.started', cause: 'SIGTERM' }])
  t.same(quiet.lines(), [])
})

function memoryLogger(level: LogLevel): { logger: Logger; lines(): readonly unknown[] } {
  const texts: string[] = []
  const destination = { write: (text: string) => void texts.push(text) }
  const logger = createLogger({ level, instanceId: 'spec', destination })
  return { logger, lines: () => texts.map((text): unknown => JSON.parse(text)) }
}
