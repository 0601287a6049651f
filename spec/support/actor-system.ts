// Stands in for the supervisor's system: one actor under test, and named recipients that record the
// events which it sends them.

import { createActor } from 'xstate'
import type {
  Actor,
  ActorLogic,
  AnyActorLogic,
  AnyActorRef,
  AnyEventObject,
  InputFrom,
  Snapshot,
} from 'xstate'
import { tell, type Addressees } from '../../src/actors/messages.ts'
import { ONE_HISTORY } from '../../src/actors/model/ledger-history.ts'
import type { SharedPorts, Ledger, SettledSet } from '../../src/actors/model/ports.ts'
import type { Fact } from '../../src/actors/model/facts.ts'
import { LeaseFence } from '../../src/actors/ownership/fence.ts'
import { scriptedPort, type ScriptedPort } from './scripted-port.ts'
import { ANY_TIME_OF_DAY, StandingTime } from './standing-time.ts'

export interface ActorSystem {
  readonly clock: StandingTime
  readonly fence: LeaseFence
  readonly ports: SharedPorts
  readonly ledger: ScriptedPort<Ledger>
  readonly settledSet: ScriptedPort<SettledSet>
  /** Facts that were noted, in order. */
  readonly facts: readonly Fact[]
  /** What the recipients were sent, in order; a spec may empty it. */
  readonly sentEvents: { readonly to: string; readonly event: AnyEventObject }[]
  /** Sends an event to the actor of that name. */
  tell<Name extends keyof Addressees>(name: Name, event: Addressees[Name]): void
  /** Starts an actor in this system; it ends with the spec's process. */
  start<Logic extends AnyActorLogic>(logic: Logic, input: InputFrom<Logic>): Actor<Logic>
}

const RECIPIENTS: readonly (keyof Addressees)[] = [
  'supervisor',
  'payments',
  'persistence',
  'acceptBatcher',
  'outcomeBatcher',
  'retryQueue',
  'lease',
]

/** Recipients for a spec that runs persistence, whose batchers take their own names. */
export const BESIDE_PERSISTENCE = RECIPIENTS.filter((name) => !/persistence|Batcher/.test(name))

/** A system with an open lease and a ledger that waits for the spec's answers. */
export function startActorSystem(recipients = RECIPIENTS): ActorSystem {
  const clock = new StandingTime()
  const fence = new LeaseFence(clock)
  fence.extend({ id: 7, validUntil: Number.POSITIVE_INFINITY, ...ANY_TIME_OF_DAY })
  const facts: Fact[] = []
  const sentEvents: { to: string; event: AnyEventObject }[] = []
  const ledger = scriptedPort<Ledger>()
  const settledSet = scriptedPort<SettledSet>()
  const telemetry = { emit: (fact: Fact) => void facts.push(fact) }
  const ports = { ledger: ledger.port, settledSet: settledSet.port }
  const parent = createActor(
    recipient(() => undefined),
    { clock },
  ).start()
  for (const to of recipients) {
    const logic = recipient((event) => void sentEvents.push({ to, event }))
    createActor(logic, { parent, id: to, systemId: to }).start()
  }
  return {
    clock,
    fence,
    ports: { ...ports, lease: fence, history: ONE_HISTORY, clock, telemetry },
    ledger,
    settledSet,
    facts,
    sentEvents,
    tell: (name, event) => tell(parent.system, name, event),
    start: (logic, input) => {
      const options = { parent: parent as AnyActorRef, id: 'tested', input }
      return createActor(logic, options as never).start()
    },
  }
}

/** Lets every promise that can go on do so: a turn of the event loop, not a wait. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function recipient(
  receive: (event: AnyEventObject) => void,
): ActorLogic<Snapshot<undefined>, AnyEventObject> {
  return {
    transition: (snapshot, event) => {
      receive(event)
      return snapshot
    },
    getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}
