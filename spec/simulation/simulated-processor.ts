// A simulated processor: how it behaves for a while, its ledger, and the `Processor` of one instance.
// What an instance sends travels on even if it dies; what it is told comes in through its gate.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Charge, Clock, Lease, Processor } from '../../src/actors/model/ports.ts'
import type { Chance, Span } from './chance.ts'
import type { Gate, VirtualTime } from './virtual-time.ts'
import { foundText, type HttpEnd, SETTLED_TEXT } from './worlds/http-ends.ts'
import { readCharge, readLookUp, readProbe } from './worlds/translation.ts'

export type ReplyTo = (end: HttpEnd) => void

/** A processor as it is called over HTTP, through a proxy or directly. */
export interface CalledProcessor {
  /** Each reply comes once at most. `afterMs`: a charge is that late on its way, ms. */
  charge(charge: Charge, reply: ReplyTo, afterMs?: number): void
  lookUp(correlationId: string, reply: ReplyTo): void
  probe(reply: ReplyTo): void
}

export interface ProcessorClientParts {
  readonly server: CalledProcessor
  readonly name: Processor['name']
  readonly gate: Gate
  readonly clock: Clock
  readonly lease: Lease
  readonly attemptTimeoutMs: number
  readonly lookupTimeoutMs: number
  /** Told of each charge at the moment of its sending. */
  readonly onSent: (charge: Charge) => void
  /** Told how each charge ended, as far as this instance learns of it. */
  readonly onEnded: (charge: Charge, end: HttpEnd) => void
  /** Told of each look-up as it is sent; what is returned takes its end, like `onEnded`. */
  readonly onLookUp: (correlationId: string) => (end: HttpEnd) => void
  readonly misread: Misread
}

/** Puts an end of another form in the place of one, as a fault in reading it does. */
export interface Misread {
  readonly charge?: (end: HttpEnd, charge: Charge) => HttpEnd
  readonly lookUp?: (end: HttpEnd, correlationId: string) => HttpEnd
}

/** What an answer from inside this process takes, ms: never at once. */
const LOCAL_MS = 0.01

export function createSimulatedProcessor(parts: ProcessorClientParts): Processor {
  const { server, name, gate, clock, lease, misread } = parts
  return {
    name,
    charge(charge, reply) {
      if (!lease.holds(clock.now())) {
        gate.after(LOCAL_MS, () => reply(readCharge({ kind: 'unsent', detail: 'lease lost' })))
        return
      }
      const end = once<HttpEnd>((got) => {
        parts.onEnded(charge, got)
        reply(readCharge(misread.charge?.(got, charge) ?? got))
      })
      parts.onSent(charge)
      server.charge(charge, (got) => gate.enter(() => end(got)))
      gate.after(parts.attemptTimeoutMs, () => end(TIMEOUT))
    },
    lookUp(correlationId, reply) {
      const onEnd = parts.onLookUp(correlationId)
      const end = once<HttpEnd>((got) => {
        onEnd(got)
        reply(readLookUp(misread.lookUp?.(got, correlationId) ?? got, correlationId))
      })
      server.lookUp(correlationId, (got) => gate.enter(() => end(got)))
      gate.after(parts.lookupTimeoutMs, () => end(TIMEOUT))
    },
    probe: () =>
      new Promise((resolve) => {
        server.probe((got) => gate.enter(() => resolve(readProbe(got))))
        gate.after(parts.lookupTimeoutMs, () => resolve(readProbe(TIMEOUT)))
      }),
    close: () => Promise.resolve(),
  }
}

const TIMEOUT: HttpEnd = { kind: 'lost', detail: 'timeout' }

/** Calls through the first time only. */
function once<Got>(take: (got: Got) => void): (got: Got) => void {
  let isOver = false
  return (got) => {
    if (isOver) return
    isOver = true
    take(got)
  }
}

export interface RecordedPayment {
  readonly correlationId: string
  readonly amountCents: number
  readonly requestedAt: number
  /** Virtual instant of the recording, ms. */
  readonly at: number
}

export interface ProcessorServerParts {
  readonly name: ProcessorName
  readonly virtualTime: VirtualTime
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

/** Between two machines, one way, ms. */
const USUAL_MS = [0.1, 1.5] as const

export class ProcessorServer implements CalledProcessor {
  phase: Phase = HEALTHY
  readonly ledger = new Map<string, RecordedPayment>()
  /** What somebody else had recorded before, under an id that is a payment's too. */
  readonly foreign = new Map<string, Charge>()
  /** Charges sent and neither recorded nor dropped yet. */
  underway = 0
  #probedWindow = -1
  readonly #parts: ProcessorServerParts

  constructor(parts: ProcessorServerParts) {
    this.#parts = parts
  }

  /** The reply comes once at most: a crash of the caller may swallow it. */
  charge(charge: Charge, reply: ReplyTo, afterMs = 0): void {
    const { chance, virtualTime, landingMaxMs } = this.#parts
    const back: ReplyTo = (end) => {
      virtualTime.after(this.#travelMs(), () => reply(end))
    }
    if (chance.happens(this.phase.refused)) {
      back({ kind: 'unsent', detail: 'ECONNREFUSED' })
      return
    }
    this.underway += 1
    const loiters = chance.happens(this.phase.loitering)
    const loiterMs = loiters ? chance.between(this.phase.loiterMs) : 0
    const landsBy = virtualTime.now() + landingMaxMs
    const longestMs = Math.max(landingMaxMs, afterMs)
    const travelMs = Math.min(this.#travelMs() + loiterMs + afterMs, longestMs)
    virtualTime.after(travelMs, () => this.#arrive({ charge, landsBy }, back))
  }

  lookUp(correlationId: string, reply: ReplyTo): void {
    const { chance, virtualTime } = this.#parts
    const { lookUpFailed, lookUpDelayMs } = this.phase
    const isFailed = chance.happens(lookUpFailed)
    virtualTime.after(this.#travelMs() + chance.between(lookUpDelayMs) / 2, () => {
      const end = isFailed ? answered(503) : this.#find(correlationId)
      const backMs = this.#travelMs() + chance.between(lookUpDelayMs) / 2
      virtualTime.after(backMs, () => reply(end))
    })
  }

  probe(reply: ReplyTo): void {
    const { virtualTime, probeWindowMs } = this.#parts
    virtualTime.after(this.#travelMs(), () => {
      const window = Math.floor(virtualTime.now() / probeWindowMs)
      const isLimited = window === this.#probedWindow
      this.#probedWindow = window
      const { isFailing: failing, delayMs, refused } = this.phase
      if (refused === 1) reply({ kind: 'unsent', detail: 'ECONNREFUSED' })
      else if (isLimited) reply(answered(429))
      else {
        const health = { failing, minResponseTime: Math.round(delayMs[0]) }
        reply(answered(200, JSON.stringify(health)))
      }
    })
  }

  /** As its admin's purge does. */
  forget(): void {
    this.ledger.clear()
  }

  #arrive({ charge, landsBy }: Arrival, back: ReplyTo): void {
    const { chance, virtualTime } = this.#parts
    const end: ReplyTo = (got) => {
      this.underway -= 1
      back(got)
    }
    const { phase } = this
    if (chance.happens(phase.limited)) end(answered(429))
    else if (chance.happens(phase.denied)) end(answered(400))
    else if (chance.happens(phase.resetBefore)) end(RESET)
    else {
      const delayMs = Math.min(chance.between(phase.delayMs), landsBy - virtualTime.now())
      virtualTime.after(delayMs, () => this.#process(charge, end))
    }
  }

  #process(charge: Charge, end: ReplyTo): void {
    const { chance, virtualTime, onRecorded } = this.#parts
    const { phase } = this
    if (phase.isFailing) {
      end(answered(500))
      return
    }
    if (this.ledger.has(charge.correlationId) || this.foreign.has(charge.correlationId)) {
      end(answered(422))
      return
    }
    const recorded = { ...charge, at: virtualTime.now() }
    this.ledger.set(charge.correlationId, recorded)
    onRecorded(recorded)
    if (chance.happens(phase.failedAfter)) end(answered(500))
    else if (chance.happens(phase.resetAfter)) end(RESET)
    else end(answered(200, SETTLED_TEXT))
  }

  /** Finds what was recorded before a moment that may lie in the past. */
  #find(correlationId: string): HttpEnd {
    const { chance, virtualTime, lookUpLagMs } = this.#parts
    const seenUntil = virtualTime.now() - chance.between([0, lookUpLagMs])
    const foreign = this.foreign.get(correlationId)
    if (foreign !== undefined) return answered(200, foundText(foreign))
    const found = this.ledger.get(correlationId)
    if (found === undefined || found.at > seenUntil) return answered(404)
    return answered(200, foundText(found))
  }

  #travelMs(): number {
    return this.#parts.chance.between(USUAL_MS)
  }
}

const RESET: HttpEnd = { kind: 'lost', detail: 'ECONNRESET' }

function answered(status: number, text = ''): HttpEnd {
  return { kind: 'answered', status, text }
}

/** Shares are 0 to 1, of the requests that arrive. */
export interface Phase {
  readonly name: string
  /** Time between a request's arrival and its recording, ms. */
  readonly delayMs: Span
  /** Answers 500 instead of recording. */
  readonly isFailing: boolean
  /** Connections refused. */
  readonly refused: number
  /** 429. */
  readonly limited: number
  /** Connections reset before the request was read, and after it was recorded. */
  readonly resetBefore: number
  readonly resetAfter: number
  /** 500 though it was recorded. */
  readonly failedAfter: number
  /** 400 though nothing is wrong. */
  readonly denied: number
  /** Requests that the network holds up on their way, and how long, ms. */
  readonly loitering: number
  readonly loiterMs: Span
  /** Look-ups without a usable answer, and how late the others are, ms. */
  readonly lookUpFailed: number
  readonly lookUpDelayMs: Span
}

/** Bounds that a phase keeps, all ms: what Pit is configured to expect. */
export interface PhaseBounds {
  readonly attemptTimeoutMs: number
  readonly lookupTimeoutMs: number
  /** From its sending, a request is recorded within this time or never. */
  readonly landingMaxMs: number
}

export const HEALTHY: Phase = {
  name: 'healthy',
  delayMs: [0, 4],
  isFailing: false,
  refused: 0,
  limited: 0,
  resetBefore: 0,
  resetAfter: 0,
  failedAfter: 0,
  denied: 0,
  loitering: 0,
  loiterMs: [0, 0],
  lookUpFailed: 0,
  lookUpDelayMs: [0, 3],
}

/** One of the ways to go wrong; the worst of them mixes several. */
export function drawPhase(chance: Chance, bounds: PhaseBounds): Phase {
  const kind = chance.pick(KINDS)
  const phase = { ...HEALTHY, name: kind, ...changeFor(kind, chance, bounds) }
  return chance.happens(0.3) ? { ...phase, ...troubledLookUps(chance, bounds) } : phase
}

/** Answers nothing before a caller gives up; what was sent is recorded all the same. */
export function hangingPhase({ attemptTimeoutMs, landingMaxMs }: PhaseBounds): Phase {
  return { ...HEALTHY, name: 'hanging', delayMs: [attemptTimeoutMs, landingMaxMs * 0.9] }
}

const KINDS = [
  'healthy',
  'failing',
  'slow',
  'tooSlow',
  'refusing',
  'limiting',
  'resetting',
  'lying',
  'loitering',
  'denying',
  'mixed',
] as const

function changeFor(
  kind: (typeof KINDS)[number],
  chance: Chance,
  { attemptTimeoutMs, landingMaxMs }: PhaseBounds,
): Partial<Phase> {
  const share = chance.between([0.1, 0.9])
  const late: Span = [attemptTimeoutMs * 0.5, landingMaxMs * 0.9]
  switch (kind) {
    case 'healthy':
      return {}
    case 'failing':
      return { isFailing: true, delayMs: [0, chance.pick([2, 50])] }
    case 'slow':
      return { delayMs: [5, attemptTimeoutMs * 0.9] }
    case 'tooSlow':
      return { delayMs: late }
    case 'refusing':
      return { refused: chance.pick([share, 1]) }
    case 'limiting':
      return { limited: share }
    case 'resetting':
      return { resetBefore: share / 2, resetAfter: share / 2 }
    case 'lying':
      return { failedAfter: share }
    case 'loitering':
      return { loitering: share, loiterMs: late }
    case 'denying':
      return { denied: share / 4, resetAfter: share / 4 }
    case 'mixed':
      return {
        delayMs: [0, attemptTimeoutMs * 0.6],
        refused: share / 6,
        limited: share / 6,
        resetBefore: share / 6,
        resetAfter: share / 6,
        failedAfter: share / 6,
        loitering: share / 6,
        loiterMs: [0, landingMaxMs * 0.4],
      }
  }
}

function troubledLookUps(chance: Chance, { lookupTimeoutMs }: PhaseBounds): Partial<Phase> {
  return {
    lookUpFailed: chance.between([0, 0.8]),
    lookUpDelayMs: [0, chance.pick([3, lookupTimeoutMs * 1.5])],
  }
}
