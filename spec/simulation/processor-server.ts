// One simulated processor: its ledger, and how it treats what arrives.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type {
  Charge,
  ChargeAnswer,
  LookUpAnswer,
  ProbeAnswer,
} from '../../src/actors/model/ports.ts'
import type { Chance } from './chance.ts'
import { HEALTHY, type Phase } from './phase.ts'
import type { Scheduler } from './scheduler.ts'

export interface RecordedPayment {
  readonly correlationId: string
  readonly amountCents: number
  readonly requestedAt: number
  /** Virtual instant of the recording, ms. */
  readonly at: number
}

export interface ProcessorServerParts {
  readonly name: ProcessorName
  readonly scheduler: Scheduler
  readonly chance: Chance
  /** How far look-ups may lag behind records, ms. */
  readonly lookUpLagMs: number
  /** From its sending, a request is recorded within this time or never, ms. */
  readonly landingMaxMs: number
  /** One question about its health is answered per this time, ms. */
  readonly probeWindowMs: number
  readonly onRecorded: (payment: RecordedPayment) => void
}

interface Arrival {
  readonly charge: Charge
  /** Virtual instant after which it is not recorded any more, ms. */
  readonly landsBy: number
}

type End = (kind: ChargeAnswer['kind'], detail: string) => void

/** Between two machines, one way, ms. */
const USUAL_MS = [0.1, 1.5] as const

export class ProcessorServer {
  phase: Phase = HEALTHY
  readonly ledger = new Map<string, RecordedPayment>()
  /** Charges sent and neither recorded nor dropped yet. */
  underway = 0
  #probedWindow = -1
  readonly #parts: ProcessorServerParts

  constructor(parts: ProcessorServerParts) {
    this.#parts = parts
  }

  /** The answer comes once at most: a reset or a crash of the caller may swallow it. */
  charge(charge: Charge, reply: (answer: ChargeAnswer) => void): void {
    const { chance, scheduler, landingMaxMs } = this.#parts
    const back: End = (kind, detail) => {
      scheduler.after(this.#travelMs(), () => reply({ kind, detail }))
    }
    if (chance.happens(this.phase.refused)) {
      back('refused', 'ECONNREFUSED')
      return
    }
    this.underway += 1
    const loiters = chance.happens(this.phase.loitering)
    const loiterMs = loiters ? chance.between(this.phase.loiterMs) : 0
    const landsBy = scheduler.now() + landingMaxMs
    scheduler.after(this.#travelMs() + loiterMs, () => this.#arrive({ charge, landsBy }, back))
  }

  lookUp(correlationId: string, reply: (answer: LookUpAnswer) => void): void {
    const { chance, scheduler } = this.#parts
    const { lookUpFailed, lookUpDelayMs } = this.phase
    const isFailed = chance.happens(lookUpFailed)
    scheduler.after(this.#travelMs() + chance.between(lookUpDelayMs) / 2, () => {
      const answer: LookUpAnswer = isFailed
        ? { kind: 'failed', detail: 'http 503' }
        : this.#find(correlationId)
      const backMs = this.#travelMs() + chance.between(lookUpDelayMs) / 2
      scheduler.after(backMs, () => reply(answer))
    })
  }

  probe(reply: (answer: ProbeAnswer) => void): void {
    const { scheduler, probeWindowMs } = this.#parts
    scheduler.after(this.#travelMs(), () => {
      const window = Math.floor(scheduler.now() / probeWindowMs)
      const isLimited = window === this.#probedWindow
      this.#probedWindow = window
      const { isFailing: failing, delayMs, refused } = this.phase
      if (refused === 1) reply({ kind: 'failed', detail: 'ECONNREFUSED' })
      else if (isLimited) reply({ kind: 'limited' })
      else reply({ kind: 'answered', failing, minResponseMs: Math.round(delayMs[0]) })
    })
  }

  /** As its admin's purge does. */
  forget(): void {
    this.ledger.clear()
  }

  #arrive({ charge, landsBy }: Arrival, back: End): void {
    const { chance, scheduler } = this.#parts
    const end: End = (kind, detail) => {
      this.underway -= 1
      back(kind, detail)
    }
    const { phase } = this
    if (chance.happens(phase.limited)) end('refused', 'http 429')
    else if (chance.happens(phase.rejected)) end('rejected', 'http 400')
    else if (chance.happens(phase.resetBefore)) end('inDoubt', 'ECONNRESET')
    else {
      const delayMs = Math.min(chance.between(phase.delayMs), landsBy - scheduler.now())
      scheduler.after(delayMs, () => this.#process(charge, end))
    }
  }

  #process(charge: Charge, end: End): void {
    const { chance, scheduler, onRecorded } = this.#parts
    const { phase } = this
    if (phase.isFailing) {
      end('failed', 'http 500')
      return
    }
    if (this.ledger.has(charge.correlationId)) {
      end('known', 'http 422')
      return
    }
    const recorded = { ...charge, at: scheduler.now() }
    this.ledger.set(charge.correlationId, recorded)
    onRecorded(recorded)
    if (chance.happens(phase.failedAfter)) end('failed', 'http 500')
    else if (chance.happens(phase.resetAfter)) end('inDoubt', 'ECONNRESET')
    else end('settled', 'http 200')
  }

  /** Sees what was recorded before a moment that may lie in the past. */
  #find(correlationId: string): LookUpAnswer {
    const { chance, scheduler, lookUpLagMs } = this.#parts
    const seenUntil = scheduler.now() - chance.between([0, lookUpLagMs])
    const found = this.ledger.get(correlationId)
    if (found === undefined || found.at > seenUntil) return { kind: 'missing' }
    const { requestedAt, amountCents } = found
    return { kind: 'found', requestedAt, amountCents }
  }

  #travelMs(): number {
    return this.#parts.chance.between(USUAL_MS)
  }
}
