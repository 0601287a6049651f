// Where payments are worked on: the ring of those that wait, the table of those in work, and the
// rules for who goes next. Used by payments.ts alone.

import { createActor, type AnyActorRef } from 'xstate'
import { tell, type Directory } from './addresses.ts'
import { createDueQueue } from './due-queue.ts'
import type { PaymentRequested } from './events.ts'
import type { PaymentRecord } from './payment-context.ts'
import { mayResendNow, routeFor, type DueStep, type Workshop } from './payment-effects.ts'
import { paymentLogicOf } from './payment-logic.ts'
import type { PaymentOutput } from './payment.machine.ts'
import type { ProcessorName } from './payment.ts'
import { acceptedRecord, claimedRecord, deferredRecord } from './payment-records.ts'
import { createSlotTable, type Slot, type SlotTable } from './payment-slots.ts'
import type { PaymentsEvent } from './payments-events.ts'
import {
  reportBroken,
  reportClaimed,
  reportParked,
  reportRejected,
  reportSettled,
  reportUnsettled,
  type Desk,
} from './payments-reports.ts'
import { intakeParks, roomForClaims } from './payments-room.ts'
import { findStory, gaugesOf } from './payments-views.ts'
import { clearBroken, dropSlots, isIdle, recallSlots } from './payments-visits.ts'
import { createWaiting, type Waiting } from './payments-waiting.ts'
import { TICK_MS } from './work-settings.ts'

export type PaymentsInput = Omit<Workshop, 'inFlight' | 'due' | 'generationOf' | 'isCrowded'>

interface Scope {
  readonly self: AnyActorRef
  readonly system: Directory
  readonly stopChild: (child: AnyActorRef) => void
}

const NOBODY: readonly ProcessorName[] = []

/** Ticks between two notes of the gauges. */
const TICKS_PER_NOTE = 20

export class PaymentsFloor {
  readonly #shop: Workshop
  readonly #scope: Scope
  readonly #desk: Desk
  readonly #logic: ReturnType<typeof paymentLogicOf>
  readonly #slots: SlotTable
  readonly #waiting: Waiting
  #parksIntake = false
  #isCongested = false
  #isDraining = false
  #ticks = 0

  constructor(input: PaymentsInput, scope: Scope) {
    const { concurrency, confirmingMax, readyMax, claimMax } = input.settings
    this.#scope = scope
    this.#slots = createSlotTable(2 * concurrency + confirmingMax)
    const bounds = { readyMax: readyMax + claimMax, doubtfulMax: confirmingMax }
    this.#waiting = createWaiting(bounds)
    this.#shop = {
      ...input,
      inFlight: { default: 0, fallback: 0 },
      due: createDueQueue<DueStep>(input.clock, (step) => this.#onDue(step)),
      generationOf: (slot) => this.#slots.at(slot)?.generation ?? -1,
      isCrowded: () => this.#confirming() > confirmingMax,
    }
    this.#desk = { shop: this.#shop, system: scope.system }
    this.#logic = paymentLogicOf(this.#shop)
  }

  start(): void {
    this.#shop.clock.setTimeout(() => this.#scope.self.send({ type: 'payments.ticked' }), TICK_MS)
  }

  take(event: PaymentsEvent): void {
    switch (event.type) {
      case 'payments.accepted':
        for (const request of event.batch) this.#enqueue(acceptedRecord(request, this.#now()))
        break
      case 'payments.claimed':
        for (const payment of event.batch) this.#enqueue(claimedRecord(payment, this.#now()))
        reportClaimed(this.#desk, event)
        break
      case 'xstate.done.actor.payment':
        this.#onLeft(event.output)
        break
      case 'xstate.error.actor.payment':
        for (const record of clearBroken(this.#slots)) {
          reportBroken(this.#desk, record, event.error)
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
      case 'payments.recalled':
        this.#recall(() => true)
        break
      case 'payments.dropped':
        this.#drop(event.acceptedBefore)
        break
      case 'payment.requested':
        this.#answer(event)
        return
      case 'circuit.changed':
        break
    }
    this.#pump()
  }

  #now(): number {
    return this.#shop.clock.now()
  }

  /** Payments in work that are not waiting for a processor's answer to a charge. */
  #confirming(): number {
    const { inFlight } = this.#shop
    return this.#slots.used - inFlight.default - inFlight.fallback
  }

  #enqueue(record: PaymentRecord): void {
    if (!this.#isDraining && this.#waiting.push(record)) return
    reportParked(this.#desk, record, { delayMs: 0, rounds: record.rounds })
  }

  /** Starts as many payments as may start, oldest first. */
  #pump(): void {
    if (!this.#isCongested && !this.#isDraining) {
      this.#startDoubtful()
      this.#startReady()
    }
    const parks = intakeParks(this.#shop, this.#waiting.ready.size)
    if (parks === this.#parksIntake) return
    this.#parksIntake = parks
    tell(this.#scope.system, 'persistence', { type: 'intake.changed', parks })
  }

  #startReady(): void {
    const { ready } = this.#waiting
    for (let record = ready.peek(); record !== undefined; record = ready.peek()) {
      const { acceptedAt } = record
      const route = routeFor(this.#shop, { acceptedAt, refusedBy: NOBODY })
      if (route.to === null || !this.#work(record)) return
      ready.shift()
    }
  }

  #startDoubtful(): void {
    const { doubtful } = this.#waiting
    const { confirmingMax } = this.#shop.settings
    for (let record = doubtful.peek(); record !== undefined; record = doubtful.peek()) {
      if (this.#confirming() >= confirmingMax || !this.#work(record)) return
      doubtful.shift()
    }
  }

  /** Spawns the payment's actor; false when every slot is taken. */
  #work(record: PaymentRecord): boolean {
    const slot = this.#slots.take(record)
    if (slot === undefined) return false
    const { triesMax } = this.#shop.settings
    slot.actor = createActor(this.#logic, {
      // One id for all: each unique id would be remembered for ever.
      id: 'payment',
      parent: this.#scope.self,
      input: { record, slot: slot.index, triesMax },
    })
    slot.actor.start()
    return true
  }

  #onDue(step: DueStep): void {
    const slot = this.#slots.at(step.slot)
    if (slot === undefined || slot.actor === null || slot.generation !== step.generation) return
    if (step.kind === 'backoff') slot.actor.send({ type: 'backoff.elapsed' })
    else {
      const { context } = slot.actor.getSnapshot()
      slot.actor.send({ type: 'lookup.due', resend: mayResendNow(this.#shop, context) })
    }
  }

  #onLeft({ kind, context }: PaymentOutput): void {
    const slot = this.#slots.at(context.slot)
    if (slot === undefined || slot.record !== context.record) return
    this.#slots.release(slot)
    const keeps = kind === 'parked' && context.deferred && !this.#isDraining
    if (kind === 'settled') reportSettled(this.#desk, context)
    else if (kind === 'rejected') reportRejected(this.#desk, context)
    else if (!keeps || !this.#waiting.push(deferredRecord(context))) {
      reportUnsettled(this.#desk, context, this.#isDraining)
    }
    this.#tellIfEmptied()
  }

  #onTick(): void {
    this.start()
    this.#ticks += 1
    if (this.#ticks % TICKS_PER_NOTE === 0) {
      this.#shop.journal.note({
        type: 'payments.measured',
        gauges: gaugesOf(this.#shop, this.#waiting, this.#slots),
      })
    }
    if (this.#isDraining || this.#isCongested) return
    const limit = roomForClaims(this.#shop, this.#waiting.size)
    if (limit > 0) tell(this.#scope.system, 'retryQueue', { type: 'room.offered', limit })
  }

  #drain(): void {
    this.#isDraining = true
    for (const record of this.#waiting.takeAll()) {
      reportParked(this.#desk, record, { delayMs: 0, rounds: record.rounds })
    }
    this.#recall(isIdle)
    this.#tellIfEmptied()
  }

  #recall(matches: (slot: Slot) => boolean): void {
    const endsAt = this.#now() + this.#shop.settings.horizonMs
    recallSlots(this.#slots, { endsAt, matches })
  }

  #drop(acceptedBefore: number): void {
    dropSlots(this.#slots, { acceptedBefore, stopChild: this.#scope.stopChild })
    this.#waiting.dropBefore(acceptedBefore)
    this.#tellIfEmptied()
  }

  #tellIfEmptied(): void {
    if (!this.#isDraining || this.#slots.used > 0) return
    tell(this.#scope.system, 'supervisor', { type: 'payments.emptied' })
  }

  #answer({ correlationId, replyTo }: PaymentRequested): void {
    const value = findStory(this.#shop.clock, this.#slots, correlationId)
    if (value !== undefined) replyTo({ kind: 'found', value })
    else
      tell(this.#scope.system, 'persistence', { type: 'payment.requested', correlationId, replyTo })
  }
}
