// A log of facts whose lines are kept, and whose time stands still between them.

import type { Fact } from '../../src/actors/model/facts.ts'
import { createFactsLog, createLogger } from '../../src/infra/process/logger.ts'

const MEASURED: Fact = {
  type: 'payments.measured',
  gauges: { ready: 0, inFlight: { default: 0, fallback: 0 }, byState: {} },
}

/** `lines` gives those whose message begins so. `pass` ends with the gauges' fact, which comes each second. */
export function startFactsLog(begins: string, level: 'info' | 'debug' = 'info') {
  const texts: string[] = []
  const destination = { write: (text: string) => void texts.push(text) }
  const logger = createLogger({ level, instanceId: 'spec', destination })
  let now = 0
  const telemetry = createFactsLog(logger, () => now)
  const emit = (...facts: readonly Fact[]): void => {
    for (const fact of facts) telemetry.emit(fact)
  }
  const pass = (ms: number): void => {
    now += ms
    emit(MEASURED)
  }
  const lines = (): Record<string, unknown>[] =>
    texts
      .map((text): Record<string, unknown> => JSON.parse(text))
      .filter(({ msg }) => String(msg).startsWith(begins))
  return { lines, emit, pass }
}
