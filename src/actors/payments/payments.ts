// The parent of all payment actors: keeps accepted payments in bounded queues, works on as many as
// circuits and slots allow, and passes what came of each to the outcome batcher.

import type { ActorLogic, AnyActorRef, Snapshot } from 'xstate'
import {
  tell,
  type Directory,
  type Intake,
  type PaymentRequested,
  type PaymentsEvent,
  type StraysSought,
} from '../messages.ts'
import { createSuspicion } from '../payment/suspicion.ts'
import { createAskedLag } from './asked-lag.ts'
import { SentCharges } from '../circuit/sent-charges.ts'
import { outlasting, TICK_MS } from '../model/settings.ts'
import { controlsOf } from './processor-controls.ts'
import type { PaymentRecord } from '../payment/context.ts'
import type { DueStep, PaymentDependencies } from '../payment/effects.ts'
import { paymentLogicOf } from '../payment/logic.ts'
import type { PaymentOutput } from '../payment/payment.machine.ts'
import { capacityForClaims, intakeParks, slotsMax } from './capacity.ts'
import { handBack } from './handing-back.ts'
import { LateSettlements } from './late-settlements.ts'
import { findPaymentStatus, idsInMemory, noteGauges, type PaymentsInMemory } from './queries.ts'
import { placeKindOf } from './look-up-places.ts'
import { PassingOn } from './passing-on.ts'
import { createWaiting, type Waiting } from './queues.ts'
import {
  acceptedRecord,
  claimedRecord,
  deferredRecord,
  doubtDelayMs,
  inDoubtUntil,
  LateAnswers,
} from './records.ts'
import {
  reportAllParked,
  reportBroken,
  reportClaimed,
  reportParked,
  reportRejected,
  reportSettled,
  reportUnsettled,
  type ReportParts,
} from './reports.ts'
import { PACE_MIN, Scheduler } from './scheduler.ts'
import {
  clearBroken,
  createSlotTable,
  dropSlots,
  isIdle,
  recallSlots,
  tellDue,
  type SlotTable,
  type UsedSlot,
} from './slots.ts'
import { QUIET_TICK_MS, Ticks } from './ticks.ts'
import { createStreak } from './streak.ts'
import { createTimerQueue } from './timers.ts'
import { countingTransitions, createTransitionCounts } from '../payment/transition-counts.ts'

/** Its state lives in `work` and is changed in place: a copy would cost more than the event. */
export type PaymentsSnapshot = Snapshot<undefined> & { readonly work: Payments }

export type PaymentsLogic = ActorLogic<PaymentsSnapshot, PaymentsEvent, PaymentsInput>

/**
 * Written by hand, not as a chart: a machine pays for all its children at each step (measured:
 * 3,600 µs per payment at 1,000 alive, against 15).
 */
export const paymentsLogic: PaymentsLogic = {
  getInitialSnapshot: (scope, input) => ({
    status: 'active',
    output: undefined,
    error: undefined,
    work: new Payments(input, scope),
  }),
  start: (snapshot) => snapshot.work.start(),
  transition: (snapshot, event) => {
    snapshot.work.take(event)
    return snapshot
  },
  getPersistedSnapshot: (snapshot) => snapshot,
}

/** What it makes itself of what its payments depend on. */
type OwnParts =
  | 'inFlight'
  | 'charges'
  | 'askedLag'
  | 'controls'
  | 'fruitless'
  | 'suspicion'
  | 'due'
  | 'purges'
  | 'settledLate'
  | 'wasSettledLate'
  | 'generationOf'
  | 'lookUpPlaces'
  | 'isPlaceAwaited'
  | 'isDraining'

export type PaymentsInput = Omit<PaymentDependencies, OwnParts>

/** What XState gives to the logic of an actor, as far as it is needed. */
interface Scope {
  readonly self: AnyActorRef
  readonly system: Directory
  readonly stopChild: (child: AnyActorRef) => void
}

/** Between two facts about what is in memory, ms. */
const NOTE_MS = 1000

class Payments {
  /** What readers are shown, who change nothing. */
  readonly inMemory: PaymentsInMemory
  readonly #dependencies: PaymentDependencies
  readonly #scope: Scope
  readonly #reports: ReportParts
  readonly #scheduler: Scheduler
  readonly #slots: SlotTable
  readonly #waiting: Waiting
  #parksIntake = false
  readonly #passingOn: PassingOn
  #isCongested = false
  #isDraining = false
  #purges = 0
  /**
   * Actors that may still bring payments in a drain. A recall ends the wait for all but the accepts: a
   * commit under way has its own bound, and what it brings is handed over before the lease is released.
   */
  readonly #intakes = new Set<Intake>(['accepts', 'retryQueue', 'takeover', 'strays'])
  readonly #lateAnswers = new LateAnswers()
  readonly #lateSettlements: LateSettlements
  readonly #ticks: Ticks
  /** Monotonic instant of the last fact about what is in memory, ms. */
  #notedAt: number

  constructor(input: PaymentsInput, scope: Scope) {
    const { concurrency, confirmingMax, readyMax, claimMax } = input.settings
    this.#scope = scope
    this.#notedAt = input.clock.now()
    this.#ticks = new Ticks(input.clock, () => scope.self.send({ type: 'payments.ticked' }))
    this.#slots = createSlotTable({ slotsMax: slotsMax(input.settings), placesMax: confirmingMax })
    this.#waiting = createWaiting({ readyMax: readyMax + claimMax, inDoubtMax: confirmingMax })
    this.#dependencies = {
      ...input,
      inFlight: { default: 0, fallback: 0 },
      charges: { default: new SentCharges(concurrency), fallback: new SentCharges(concurrency) },
      askedLag: createAskedLag(input.settings.slowMs),
      controls: {
        default: controlsOf(input, { name: 'default', system: scope.system }),
        fallback: controlsOf(input, { name: 'fallback', system: scope.system }),
      },
      fruitless: { default: createStreak(input.settings), fallback: createStreak(input.settings) },
      suspicion: { default: createSuspicion(), fallback: createSuspicion() },
      due: createTimerQueue<DueStep>(input.clock, (step) =>
        tellDue(this.#dependencies, this.#slots, step),
      ),
      purges: () => this.#purges,
      settledLate: (settlement) => this.#lateSettlements.take(settlement),
      wasSettledLate: (correlationId) => this.#lateSettlements.endsCharge(correlationId),
      generationOf: (slot) => this.#slots.at(slot).generation,
      lookUpPlaces: this.#slots.lookUpPlaces,
      isPlaceAwaited: (doubts) => this.#waiting.inDoubt[placeKindOf(doubts)].size > 0,
      isDraining: () => this.#isDraining,
    }
    this.#reports = {
      dependencies: this.#dependencies,
      system: scope.system,
      purges: () => this.#purges,
    }
    const transitions = createTransitionCounts()
    this.inMemory = {
      dependencies: this.#dependencies,
      slots: this.#slots,
      waiting: this.#waiting,
      transitions,
    }
    const { inMemory } = this
    const reports = this.#reports
    const onLeft = (): void => this.#tellIfEmptied()
    const { stopChild } = scope
    this.#lateSettlements = new LateSettlements({ inMemory, reports, stopChild, onLeft })
    this.#passingOn = new PassingOn(inMemory, reports)
    this.#scheduler = new Scheduler({
      ...this.inMemory,
      logic: countingTransitions(paymentLogicOf(this.#dependencies), transitions),
      parent: scope.self,
    })
  }

  start(): void {
    this.#ticks.next(TICK_MS)
  }

  take(event: PaymentsEvent): void {
    // Its lease was replaced meanwhile: others take these payments over from it.
    if ('leaseId' in event && event.leaseId !== this.#dependencies.lease.id) return
    if ('purges' in event && this.#isPurged(event.purges)) return
    switch (event.type) {
      case 'payments.accepted':
        for (const request of event.batch) this.#adopt(acceptedRecord(request, this.#now()))
        break
      case 'payments.claimed':
        for (const payment of this.#claimedNow(event)) {
          if (!this.#isPurged(payment.purges)) this.#adopt(claimedRecord(payment, this.#now()))
        }
        reportClaimed(this.#reports, event)
        break
      case 'strays.sought':
        this.#passOnUnknown(event)
        return
      case 'xstate.done.actor.payment':
        this.#onLeft(event.output)
        break
      case 'xstate.error.actor.payment':
        for (const record of clearBroken(this.#slots)) {
          reportBroken(this.#reports, record, event.error)
        }
        break
      case 'payments.ticked':
        this.#onTick()
        break
      case 'outcomes.congested':
        this.#isCongested = true
        return
      case 'outcomes.relieved':
        this.#isCongested = false
        break
      case 'drain.started':
        this.#drain()
        break
      case 'intake.ended':
        this.#intakes.delete(event.from)
        this.#tellIfEmptied()
        return
      case 'payments.recalled':
        for (const intake of this.#intakes) if (intake !== 'accepts') this.#intakes.delete(intake)
        this.#recall(() => true)
        break
      case 'payments.dropped':
        this.#drop()
        break
      case 'payment.requested':
        this.#answer(event)
        return
      case 'payment.resolved': {
        const endsAt = this.#now() + outlasting(this.#dependencies.settings.settleByMs)
        const { correlationId } = event
        event.replyTo(handBack(this.inMemory, this.#reports, { correlationId, endsAt }))
        break
      }
      case 'window.asked':
        this.#dependencies.askedLag.note(event.lagMs, this.#now())
        return
      case 'circuit.changed':
      case 'purges.counted':
        break
    }
    this.#pump()
  }

  #now(): number {
    return this.#dependencies.clock.now()
  }

  /** Whether payments may wait in memory: not in a drain, nor while the lease may be another's. */
  #keepsPayments(): boolean {
    return !this.#isDraining && this.#dependencies.lease.holds(this.#now())
  }

  /**
   * Strays that are in memory after all stay what they are there: the ledger refuses what comes of
   * them, and they are strays again. What is claimed otherwise is in no memory yet.
   */
  #claimedNow({ batch: claimed, from }: Extract<PaymentsEvent, { type: 'payments.claimed' }>) {
    const batch = this.#lateSettlements.unsettled(claimed)
    if (from !== 'strays') return batch
    this.#lateAnswers.note(batch, this.#now())
    const ids = idsInMemory(this.inMemory)
    return batch.filter(({ correlationId }) => !ids.has(correlationId))
  }

  /** Takes a payment into memory, unless it was claimed as a stray before this answer came. */
  #adopt(record: PaymentRecord): void {
    if (this.#lateAnswers.isOutdated(record)) return
    this.#enqueue(inDoubtUntil(record, this.#dependencies.history.doubtUntil(this.#now())))
  }

  #passOnUnknown({ type, batch, replyTo }: StraysSought): void {
    const ids = idsInMemory(this.inMemory)
    const unknown = batch.filter(({ correlationId }) => !ids.has(correlationId))
    tell(this.#scope.system, 'persistence', { type, batch: unknown, replyTo })
  }

  #enqueue(record: PaymentRecord): void {
    const keeps = this.#keepsPayments()
    if (keeps && this.#waiting.push(record)) return
    // Too many are in doubt: claimed again at once, this one would be parked again at once.
    const isCrowded = keeps && record.unknownOutcomes.length > 0
    const delayMs = isCrowded ? doubtDelayMs(record.unknownOutcomes, this.#dependencies) : 0
    reportParked(this.#reports, record, { delayMs, rounds: record.rounds })
  }

  /** Starts as many payments as may start, oldest first. */
  #pump(): void {
    if (!this.#isEmpty()) this.#ticks.wake()
    if (!this.#isCongested && !this.#isDraining) this.#scheduler.pump()
    const isFull = intakeParks(this.#dependencies, this.#waiting.ready.size)
    const parks = isFull || this.#passingOn.isStuck
    if (parks === this.#parksIntake) return
    this.#parksIntake = parks
    tell(this.#scope.system, 'acceptBatcher', { type: 'intake.changed', parks })
  }

  #onLeft({ kind, context }: PaymentOutput): void {
    const slot = this.#slots.at(context.slot)
    // It was dropped while this was on its way.
    if (slot.record !== context.record) return
    this.#slots.release(slot)
    const keeps = kind === 'parked' && context.deferred && this.#keepsPayments()
    if (kind === 'settled') reportSettled(this.#reports, context)
    else if (kind === 'rejected') reportRejected(this.#reports, context)
    else if (!keeps || !this.#waiting.push(deferredRecord(context))) {
      reportUnsettled(this.#reports, context)
    }
    this.#tellIfEmptied()
  }

  #onTick(): void {
    this.#scheduler.tick(this.#ticks.lateMs)
    this.#passingOn.tick({ isCongested: this.#isCongested })
    if (this.#now() - this.#notedAt >= NOTE_MS) {
      this.#notedAt = this.#now()
      noteGauges(this.inMemory)
    }
    const limit = this.#limitOfClaims()
    const isQuiet = limit > 0 && this.#isEmpty() && this.#scheduler.pacer.pace === PACE_MIN
    this.#ticks.next(isQuiet ? QUIET_TICK_MS : TICK_MS)
    if (limit > 0) tell(this.#scope.system, 'retryQueue', { type: 'capacity.offered', limit })
  }

  #limitOfClaims(): number {
    if (this.#isDraining || this.#isCongested) return 0
    const capacity = capacityForClaims(this.#dependencies, this.#waiting.ready.size)
    return Math.min(capacity, this.#scheduler.pacer.pace)
  }

  #isEmpty(): boolean {
    return this.#slots.used === 0 && this.#waiting.size === 0
  }

  #drain(): void {
    this.#isDraining = true
    reportAllParked(this.#reports, this.#waiting.takeAll())
    this.#recall(isIdle)
  }

  #recall(matches: (slot: UsedSlot) => boolean): void {
    const endsAt = this.#now() + outlasting(this.#dependencies.settings.settleByMs)
    recallSlots(this.#slots, { endsAt, matches })
    this.#tellIfEmptied()
  }

  /**
   * Whether a purge has deleted what was committed at this purge count. All in memory is of the
   * highest count so far: a higher one drops it.
   */
  #isPurged(purges: number): boolean {
    if (purges > this.#purges) {
      this.#drop()
      this.#dependencies.controls.default.forget()
      this.#dependencies.controls.fallback.forget()
    }
    this.#purges = Math.max(this.#purges, purges)
    return purges < this.#purges
  }

  #drop(): void {
    this.#lateAnswers.forget()
    this.#lateSettlements.forget()
    dropSlots(this.#slots, this.#scope.stopChild)
    this.#waiting.takeAll()
    this.#tellIfEmptied()
  }

  #tellIfEmptied(): void {
    if (!this.#isDraining || this.#intakes.size > 0 || this.#slots.used > 0) return
    tell(this.#scope.system, 'supervisor', { type: 'payments.emptied' })
  }

  #answer(request: PaymentRequested): void {
    const value = findPaymentStatus(this.inMemory, request.correlationId)
    if (value === undefined) tell(this.#scope.system, 'persistence', request)
    else request.replyTo({ kind: 'found', value })
  }
}
