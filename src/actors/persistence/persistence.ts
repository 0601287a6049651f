// Between the actors and the ledger: commits accepted payments and outcomes in batches, each in a
// lane of its own, and answers reads from the ledger plus what is not written yet.

import { createActor, type ActorLogic, type AnyActorRef, type Snapshot } from 'xstate'
import { providedAcceptLane, type AcceptLaneActor } from './accept-batcher.ts'
import type { AcceptLaneInput } from './accept-batcher.machine.ts'
import type { Directory } from '../addresses.ts'
import { createCommitBudget } from './commit-budget.ts'
import { EarlyAnswers, type AnswersWhen } from './early-answers.ts'
import type {
  PaymentReceived,
  PaymentRequested,
  PurgeRequested,
  SummaryRequested,
} from '../messages.ts'
import { findPayment, purgeLedger, summarize } from './reads.ts'
import { providedOutcomeLane, type OutcomeLaneActor } from './outcome-batcher.ts'
import type { OutcomeLaneInput } from './outcome-batcher.machine.ts'
import type { PersistenceEvent } from '../payments-messages.ts'
import type { Archive } from '../model/shared-ports.ts'

export interface PersistenceInput {
  readonly archive: Archive
  readonly accepts: AcceptLaneInput
  readonly outcomes: OutcomeLaneInput
  readonly answersWhen: AnswersWhen
}

export type PersistenceSnapshot = Snapshot<undefined> & { readonly desk: PersistenceDesk }

type TakenEvent =
  | PersistenceEvent
  | PaymentReceived
  | PaymentRequested
  | SummaryRequested
  | PurgeRequested
  | { readonly type: 'xstate.error.actor.lane'; readonly error: unknown }
  | { readonly type: 'xstate.stop' }

/** Both lanes together; a lane that fails takes persistence down, since its batch would be lost. */
export const persistenceLogic: ActorLogic<PersistenceSnapshot, TakenEvent, PersistenceInput> = {
  getInitialSnapshot: (scope, input) => ({
    status: 'active',
    output: undefined,
    error: undefined,
    desk: new PersistenceDesk(input, scope),
  }),
  start: (snapshot) => snapshot.desk.start(),
  transition: (snapshot, event) => {
    snapshot.desk.take(event)
    return snapshot
  },
  getPersistedSnapshot: (snapshot) => snapshot,
}

class PersistenceDesk {
  readonly #archive: Archive
  readonly #system: Directory
  readonly #accepts: AcceptLaneActor
  readonly #outcomes: OutcomeLaneActor
  /** Undefined unless clients are answered before the commit. */
  readonly #early: EarlyAnswers | undefined

  constructor(input: PersistenceInput, scope: { self: AnyActorRef; system: Directory }) {
    const parts = { archive: input.archive, system: scope.system }
    const lane = { parent: scope.self, id: 'lane' }
    this.#archive = input.archive
    this.#system = scope.system
    const budget = createCommitBudget(input.accepts.commitsMax)
    const accepting = providedAcceptLane({ ...parts, budget })
    this.#accepts = createActor(accepting, { ...lane, input: input.accepts })
    this.#outcomes = createActor(providedOutcomeLane(parts), { ...lane, input: input.outcomes })
    this.#early = input.answersWhen === 'taken' ? this.#answerEarly(input) : undefined
  }

  start(): void {
    this.#accepts.start()
    this.#outcomes.start()
  }

  take(event: TakenEvent): void {
    switch (event.type) {
      case 'payment.received':
        if (this.#early === undefined) this.#accepts.send(event)
        else this.#early.take(event)
        break
      case 'intake.changed':
      case 'intake.closed':
        this.#accepts.send(event)
        break
      case 'outcome.reached':
      case 'flush.requested':
        this.#outcomes.send(event)
        break
      case 'drain.started':
        if (this.#early === undefined) this.#outcomes.send(event)
        else this.#early.whenEmpty(() => this.#outcomes.send(event))
        break
      case 'payment.requested':
        void findPayment(this.#archive, () => this.#outcomes.getSnapshot().context, event)
        break
      case 'summary.requested':
        void summarize(this.#archive, () => this.#outcomes.getSnapshot().context, event)
        break
      case 'purge.requested':
        void purgeLedger({ archive: this.#archive, system: this.#system }, event)
        break
      case 'xstate.error.actor.lane':
        throw event.error
      case 'xstate.stop':
        this.#early?.end()
        // What comes later would be written for ever to a ledger that is closed.
        for (const lane of [this.#accepts, this.#outcomes]) (lane as AnyActorRef).send(event)
    }
  }

  #answerEarly({ archive, accepts }: PersistenceInput): EarlyAnswers {
    const { clock, journal } = archive
    const commit = (payment: PaymentReceived): void => this.#accepts.send(payment)
    return new EarlyAnswers({ clock, journal, heldMax: accepts.pendingMax, commit })
  }
}
