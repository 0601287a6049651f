// The parent of the two batchers, which have names of their own and are sent events directly. It
// answers reads, answers clients early where that is configured, and flushes in order at a drain.

import assert from 'node:assert'
import { createActor, type ActorLogic, type AnyActorRef, type Snapshot } from 'xstate'
import {
  createCommitBudget,
  providedAcceptBatcher,
  type AcceptBatcherActor,
} from './accept-batcher.ts'
import type { AcceptBatcherInput } from './accept-batcher.machine.ts'
import {
  tell,
  type Directory,
  type PaymentReceived,
  type PersistenceEvent,
  type StraysSought,
} from '../messages.ts'
import { EarlyAnswers, type AnswersWhen } from './early-answers.ts'
import { findControl, findPayment, purgeLedger, summarize, unwrittenOf } from './reads.ts'
import { providedOutcomeBatcher, type OutcomeBatcherActor } from './outcome-batcher.ts'
import type { OutcomeBatcherInput } from './outcome-batcher.machine.ts'
import type { TimeWindow } from '../model/payment.ts'
import type { SharedPorts } from '../model/ports.ts'

export interface PersistenceInput {
  readonly ports: SharedPorts
  readonly accepts: AcceptBatcherInput
  readonly outcomes: OutcomeBatcherInput
  readonly answersWhen: AnswersWhen
}

/** Its state lives in `persistence` and is changed in place. */
export type PersistenceSnapshot = Snapshot<undefined> & { readonly persistence: Persistence }

type TakenEvent =
  | PersistenceEvent
  | { readonly type: 'xstate.error.actor.batcher'; readonly error: unknown }
  | { readonly type: 'xstate.stop' }

export const persistenceLogic: ActorLogic<PersistenceSnapshot, TakenEvent, PersistenceInput> = {
  getInitialSnapshot: (scope, input) => ({
    status: 'active',
    output: undefined,
    error: undefined,
    persistence: new Persistence(input, scope),
  }),
  start: (snapshot) => snapshot.persistence.start(),
  transition: (snapshot, event) => {
    snapshot.persistence.take(event)
    return snapshot
  },
  getPersistedSnapshot: (snapshot) => snapshot,
}

class Persistence {
  readonly #ports: SharedPorts
  readonly #system: Directory
  readonly #accepts: AcceptBatcherActor
  readonly #outcomes: OutcomeBatcherActor
  /** Undefined unless clients are answered before the commit. */
  readonly #early: EarlyAnswers | undefined

  constructor(input: PersistenceInput, scope: { self: AnyActorRef; system: Directory }) {
    const parts = { ports: input.ports, system: scope.system }
    const batcher = { parent: scope.self, id: 'batcher' }
    this.#ports = input.ports
    this.#system = scope.system
    const budget = createCommitBudget(input.accepts.commitsMax)
    this.#accepts = createActor(providedAcceptBatcher({ ...parts, budget }), {
      ...batcher,
      systemId: 'acceptBatcher',
      input: input.accepts,
    })
    this.#outcomes = createActor(providedOutcomeBatcher(parts), {
      ...batcher,
      systemId: 'outcomeBatcher',
      input: input.outcomes,
    })
    this.#early = input.answersWhen === 'taken' ? this.#answerEarly(input) : undefined
  }

  start(): void {
    this.#accepts.start()
    this.#outcomes.start()
  }

  take(event: TakenEvent): void {
    switch (event.type) {
      case 'payment.received':
        assert(this.#early !== undefined, 'payments go straight to the accept batcher')
        this.#early.take(event)
        break
      case 'payment.requested':
        void findPayment(this.#ports, () => this.#outcomes.getSnapshot().context, event)
        break
      case 'summary.requested':
        this.#tellLag(event.window)
        void summarize(this.#ports, () => this.#outcomes.getSnapshot().context, event)
        break
      case 'purge.requested':
        void purgeLedger({ ports: this.#ports, system: this.#system }, event)
        break
      case 'control.requested':
        void findControl(this.#ports, event)
        break
      case 'strays.sought':
        this.#answerStrays(event)
        break
      case 'drain.started':
        if (this.#early === undefined) this.#outcomes.send(event)
        else this.#early.whenEmpty(() => this.#outcomes.send(event))
        break
      case 'xstate.error.actor.batcher':
        // Its batch is lost with it, so persistence fails as well.
        throw event.error
      case 'xstate.stop':
        this.#early?.end()
        // What comes later would be written for ever to a ledger that is closed.
        for (const batcher of [this.#accepts, this.#outcomes]) (batcher as AnyActorRef).send(event)
    }
  }

  /** How far back the books are compared decides which answers to charges are late. */
  #tellLag({ to }: TimeWindow): void {
    if (to === undefined) return
    const lagMs = this.#ports.clock.wallNow() - to
    tell(this.#system, 'payments', { type: 'window.asked', lagMs })
  }

  /** What is being written is known here. */
  #answerStrays({ batch, replyTo }: StraysSought): void {
    const accepts = this.#accepts.getSnapshot().context
    const outcomes = this.#outcomes.getSnapshot().context
    const written = [...accepts.batch, ...unwrittenOf(outcomes)]
    const ids = new Set(written.map(({ correlationId }) => correlationId))
    replyTo(batch.filter(({ correlationId }) => !ids.has(correlationId)))
  }

  #answerEarly({ ports, accepts }: PersistenceInput): EarlyAnswers {
    const { clock, telemetry } = ports
    const commit = (payment: PaymentReceived): void => this.#accepts.send(payment)
    return new EarlyAnswers({ clock, telemetry, heldMax: accepts.pendingMax, commit })
  }
}
