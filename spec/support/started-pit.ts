// The whole actor system as it accepts payments: real actors, a clock that stands, and ports whose
// calls wait for the spec.

import { ONE_HISTORY } from '../../src/actors/model/ledger-history.ts'
import type { Fact } from '../../src/actors/model/facts.ts'
import type {
  CircuitCache,
  DelayedQueue,
  Ledger,
  Processor,
  SettledSet,
} from '../../src/actors/model/ports.ts'
import { LeaseFence } from '../../src/actors/ownership/fence.ts'
import { createSupervisor, type SupervisorActor } from '../../src/actors/supervisor/supervisor.ts'
import { partsOf } from '../../src/app/settings.ts'
import { readConfig } from '../../src/config/config.ts'
import { settled } from './actor-system.ts'
import { scriptedPort, type ScriptedPort } from './scripted-port.ts'
import { StandingTime } from './standing-time.ts'

export interface StartedPit {
  readonly supervisor: SupervisorActor
  readonly clock: StandingTime
  readonly ledger: ScriptedPort<Ledger>
  readonly delayedQueue: ScriptedPort<DelayedQueue>
  readonly circuitCache: ScriptedPort<CircuitCache>
  readonly processors: Readonly<Record<'default' | 'fallback', ScriptedPort<Processor>>>
  /** Facts that were emitted so far. */
  readonly facts: readonly Fact[]
  /** From now on, emitting a fact of this kind throws this error in its actor. */
  breakOn(type: Fact['type'], error: Error): void
  /** Posts payment `a`; the answers that it gets. */
  post(): readonly string[]
  stop(): void
  /** Lets that much time pass, and every promise that can go on. */
  pass(ms: number): Promise<void>
}

/** Accepting under lease 7, as configured by default. */
export async function startedPit(env: Readonly<Record<string, string>> = {}): Promise<StartedPit> {
  const pit = startingPit(env)
  ;(await pit.ledger.called('acquireLease')).answer({ leaseId: 7, ledgerNow: 0 })
  await settled()
  return pit
}

/** Its ledger has not yet answered. */
export function startingPit(env: Readonly<Record<string, string>> = {}): StartedPit {
  const clock = new StandingTime()
  const ledger = scriptedPort<Ledger>()
  const delayedQueue = scriptedPort<DelayedQueue>()
  const circuitCache = scriptedPort<CircuitCache>()
  const processors = { default: scriptedPort<Processor>(), fallback: scriptedPort<Processor>() }
  const facts: Fact[] = []
  const bugs = new Map<Fact['type'], Error>()
  const telemetry = {
    emit(fact: Fact): void {
      const bug = bugs.get(fact.type)
      if (bug !== undefined) throw bug
      facts.push(fact)
    },
  }
  const adapters = {
    ledger: ledger.port,
    fence: new LeaseFence(clock),
    history: ONE_HISTORY,
    processors: { default: processors.default.port, fallback: processors.fallback.port },
    delayedQueue: delayedQueue.port,
    circuitCache: circuitCache.port,
    settledSet: scriptedPort<SettledSet>().port,
    close: () => Promise.resolve(),
  }
  const parts = partsOf(readConfig(env), adapters, telemetry)
  const supervisor = createSupervisor({ ...parts, ports: { ...parts.ports, clock } })
  supervisor.start()
  // A spec that wants other orders answers the readings that follow.
  void ledger.called('readOrders').then((call) => call.answer({ last: 0, holds: [], pending: [] }))
  return {
    supervisor,
    clock,
    ledger,
    delayedQueue,
    circuitCache,
    processors,
    facts,
    breakOn: (type, error) => void bugs.set(type, error),
    post() {
      const answers: string[] = []
      const replyTo = (answer: string): void => void answers.push(answer)
      supervisor.send({ type: 'payment.received', correlationId: 'a', amountCents: 1990, replyTo })
      return answers
    },
    stop: () => supervisor.send({ type: 'stop.requested', cause: 'SIGTERM' }),
    async pass(ms) {
      clock.increment(ms)
      await settled()
    },
  }
}
