// Stands in for the supervisor's system: one actor under test, and named listeners that write down
// what it tells them.

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
import type { SharedPorts, Ledger, SettledSet } from '../../src/actors/model/ports.ts'
import type { Fact } from '../../src/actors/model/facts.ts'
import { LeaseFence } from '../../src/actors/ownership/fence.ts'
import { scriptedPort, type ScriptedPort } from './scripted-port.ts'
import { StandingTime } from './standing-time.ts'

export interface House {
  readonly clock: StandingTime
  readonly fence: LeaseFence
  readonly ports: SharedPorts
  readonly ledger: ScriptedPort<Ledger>
  readonly settledSet: ScriptedPort<SettledSet>
  /** Facts that were noted, in order. */
  readonly facts: readonly Fact[]
  /** What was told to whom, in order; a spec may empty it. */
  readonly heard: { readonly who: string; readonly event: AnyEventObject }[]
  /** Sends an event to whoever has that name. */
  tell<Name extends keyof Addressees>(name: Name, event: Addressees[Name]): void
  /** Starts an actor in the house; it ends with the spec's process. */
  start<Logic extends AnyActorLogic>(logic: Logic, input: InputFrom<Logic>): Actor<Logic>
}

const LISTENERS: readonly (keyof Addressees)[] = [
  'supervisor',
  'payments',
  'persistence',
  'acceptBatcher',
  'outcomeBatcher',
  'retryQueue',
  'lease',
]

/** Those that are told something where persistence runs, whose batchers take their own names. */
export const BESIDE_PERSISTENCE = LISTENERS.filter((name) => !/persistence|Batcher/.test(name))

/** A house with an open lease and a ledger that waits for the spec's answers. */
export function actorHouse(listeners = LISTENERS): House {
  const clock = new StandingTime()
  const fence = new LeaseFence()
  fence.extend({ id: 7, validUntil: Number.POSITIVE_INFINITY })
  const facts: Fact[] = []
  const heard: { who: string; event: AnyEventObject }[] = []
  const ledger = scriptedPort<Ledger>()
  const settledSet = scriptedPort<SettledSet>()
  const telemetry = { emit: (fact: Fact) => void facts.push(fact) }
  const ports = { ledger: ledger.port, settledSet: settledSet.port }
  const parent = createActor(
    listening(() => undefined),
    { clock },
  ).start()
  for (const who of listeners) {
    const logic = listening((event) => void heard.push({ who, event }))
    createActor(logic, { parent, id: who, systemId: who }).start()
  }
  return {
    clock,
    fence,
    ports: { ...ports, lease: fence, clock, telemetry },
    ledger,
    settledSet,
    facts,
    heard,
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

function listening(
  hear: (event: AnyEventObject) => void,
): ActorLogic<Snapshot<undefined>, AnyEventObject> {
  return {
    transition: (snapshot, event) => {
      hear(event)
      return snapshot
    },
    getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}
