// Whether one processor's look-ups can be believed now. A look-up that finds nothing proves it only
// between two controls: look-ups of a payment that is known to be recorded there, and was found. Where
// memory knows no such payment the ledger is asked for one, and only its word that there is none lets
// a look-up prove by its form.

import assert from 'node:assert'
import { ControlSearch, type ControlSearchInput } from './control-search.ts'
import type { Clock, LookUpAnswer, Processor } from '../model/ports.ts'
import { RecordedPayments } from './recorded-payments.ts'

/**
 * What backs a look-up that found nothing:
 * - `control`: controls before and after it were found, and nothing spoke against them;
 * - `form`: only its form, since neither this instance nor the ledger, asked after it, knows a payment
 *   that a control could ask for;
 * - `none`: the controls failed, or they are too far apart; or there is no control yet, since the
 *   payment that is known is too young, or the ledger could not say, or not which.
 */
export type AbsenceProof = 'control' | 'form' | 'none'

/** Longest time from the answer to a control to the look-ups that it backs, ms. */
export const CONTROL_AGE_MAX_MS = 5000

/** Payments whose answers are about others that are remembered. */
const FOREIGN_KEPT_MAX = 1000

/** How long it is not told again that controls are not found, ms. */
const TOLD_AGAIN_MS = 60_000

/** Shortest time between two controls, ms: all look-ups of that time share one. */
export const CONTROL_PAUSE_MS = 10

export interface ControlsInput {
  readonly processor: Pick<Processor, 'lookUp'>
  readonly clock: Clock
  /** 0 to 1, for the choice of controls. */
  readonly random: () => number
  /** How long look-ups may lag behind records, ms. */
  readonly lookUpLagMs: number
  /**
   * How long look-ups prove nothing after an answer about another payment than was asked for, ms.
   * Where answers are mixed up, which a 404 does not show, the look-ups and controls of that time do.
   */
  readonly mixedUpMs: number
  readonly askLedger: ControlSearchInput['askLedger']
  /** A control was not found, so no look-up proves anything; called once a minute at most. */
  readonly onMissing: (correlationId: string) => void
  /** A control had no answer that says anything. */
  readonly onFailed: (correlationId: string, detail: string) => void
}

/** A look-up that found nothing and waits for the control after it. */
interface Waiting {
  /** When it was answered, monotonic ms. */
  readonly answeredAt: number
  readonly reply: (proof: AbsenceProof) => void
}

/** Which payment a control asked for, and when, monotonic ms. */
interface AskedControl {
  readonly correlationId: string
  readonly askedAt: number
}

export class Controls {
  readonly #input: ControlsInput
  readonly #recorded: RecordedPayments
  /** By the payment that was asked for: the other one that the answer was about. */
  readonly #foreign = new Map<string, string>()
  /** When answers were last about other payments than before, monotonic ms. */
  #mixedUpAt = Number.NEGATIVE_INFINITY
  /** When the last control that was found was answered, monotonic ms. */
  #foundAt = Number.NEGATIVE_INFINITY
  /** When it was last told that one was not found, monotonic ms. */
  #toldAt = Number.NEGATIVE_INFINITY
  /** When the last control was asked, monotonic ms. */
  #askedAt = Number.NEGATIVE_INFINITY
  /** Since when nothing spoke against what look-ups say, monotonic ms. */
  #trustedSince = Number.NEGATIVE_INFINITY
  /** Whether a control is under way, or waits until the last one is long enough ago. */
  #isRequested = false
  /** Counts purges. */
  #generation = 0
  #waiting: Waiting[] = []
  #starting: (() => void)[] = []
  readonly #search: ControlSearch

  constructor(input: ControlsInput) {
    const { clock, askLedger } = input
    this.#input = input
    this.#recorded = new RecordedPayments(input)
    // Nobody knows when it was settled: it is as young as can be.
    const onFound = (correlationId: string): void => this.noteRecorded(correlationId, clock.now())
    this.#search = new ControlSearch({ clock, askLedger, onFound })
  }

  /** This payment was recorded there: it was settled, or found, at this monotonic instant, ms. */
  noteRecorded(correlationId: string, at: number): void {
    this.#recorded.note(correlationId, at)
  }

  /**
   * A look-up was answered about another payment. Each time about the same one, that is what the
   * processor has under this id; otherwise somebody mixes answers up, and any 404 may be about
   * another payment too.
   */
  noteForeign(correlationId: string, foreignId: string): void {
    const known = this.#foreign.get(correlationId)
    if (known === foreignId) return
    this.#foreign.delete(correlationId)
    const [oldest] = this.#foreign.size < FOREIGN_KEPT_MAX ? [] : this.#foreign.keys()
    if (oldest !== undefined) this.#foreign.delete(oldest)
    this.#foreign.set(correlationId, foreignId)
    this.#mixedUpAt = this.#input.clock.now()
    this.distrust()
  }

  /** Somebody else answers look-ups: what was found before backs nothing any more. */
  distrust(): void {
    this.#trustedSince = this.#input.clock.now()
    this.#foundAt = Number.NEGATIVE_INFINITY
    this.#answerAll('none')
    this.#search.giveUp()
  }

  /** A payment is in doubt: sees to it that a control is old enough when one is needed. */
  prepare(): void {
    if (this.#recorded.isEmpty()) this.#search.prepare()
  }

  /** Calls back, at once or after a control, when a look-up may be asked that is to prove. */
  beforeLookUp(then: () => void): void {
    const now = this.#input.clock.now()
    this.prepare()
    if (!this.#recorded.hasOld() || now - this.#foundAt <= CONTROL_AGE_MAX_MS) return then()
    this.#starting.push(then)
    this.#request()
  }

  /** Says once, at once or later, what backs a look-up that has just found nothing. */
  judge(askedAt: number, reply: (proof: AbsenceProof) => void): void {
    const answeredAt = this.#input.clock.now()
    if (answeredAt - this.#mixedUpAt < this.#input.mixedUpMs) return reply('none')
    if (!this.#recorded.hasOld()) return this.#judgeWithoutControl(reply)
    const ageMs = askedAt - this.#foundAt
    if (ageMs < 0 || ageMs > CONTROL_AGE_MAX_MS) return reply('none')
    this.#waiting.push({ answeredAt, reply })
    this.#request()
  }

  /** Forgets every payment: a purge has deleted them. */
  forget(): void {
    this.#generation += 1
    this.#recorded.forget()
    this.#isRequested = false
    this.#search.forget()
    this.distrust()
    this.#startAll()
  }

  /**
   * The ledger is asked after the look-up was answered: what it does not know then it did not know
   * before. One that is too young for a control is waited for all the same.
   */
  #judgeWithoutControl(reply: (proof: AbsenceProof) => void): void {
    if (!this.#recorded.isEmpty()) return reply('none')
    this.#search.request(({ kind }) => {
      reply(kind === 'none' && this.#recorded.isEmpty() ? 'form' : 'none')
    })
  }

  /** Asks a control now, or when the last one is long enough ago. */
  #request(): void {
    if (this.#isRequested) return
    this.#isRequested = true
    const { clock } = this.#input
    const pauseMs = this.#askedAt + CONTROL_PAUSE_MS - clock.now()
    if (pauseMs <= 0) return this.#ask()
    const generation = this.#generation
    clock.setTimeout(() => {
      if (generation === this.#generation) this.#ask()
    }, pauseMs)
  }

  #ask(): void {
    const { clock, processor } = this.#input
    const askedAt = clock.now()
    const control = this.#recorded.pick()
    assert(control !== null, 'a control is asked only while a recorded payment is known')
    const generation = this.#generation
    this.#askedAt = askedAt
    processor.lookUp(control, (answer) => {
      if (generation !== this.#generation) return
      this.#isRequested = false
      if (answer.kind === 'missing') this.#tellMissing(control)
      else if (answer.kind !== 'found') this.#input.onFailed(control, answer.detail)
      this.#take(answer, { correlationId: control, askedAt })
    })
  }

  #tellMissing(correlationId: string): void {
    this.#recorded.drop(correlationId)
    const now = this.#input.clock.now()
    if (now - this.#toldAt < TOLD_AGAIN_MS) return
    this.#toldAt = now
    this.#input.onMissing(correlationId)
  }

  #take(answer: LookUpAnswer, { correlationId, askedAt }: AskedControl): void {
    this.#judgeControl(answer, { correlationId, askedAt })
    this.#startAll()
    if (this.#waiting.length > 0) this.#request()
  }

  #judgeControl(answer: LookUpAnswer, { correlationId, askedAt }: AskedControl): void {
    // It says nothing of who answers: an absence needs another control after it, as before.
    if (answer.kind === 'failed') return this.#answerAll('none')
    if (answer.kind !== 'found') return this.distrust()
    if (answer.foreignId !== undefined) {
      this.noteForeign(correlationId, answer.foreignId)
      return this.distrust()
    }
    if (askedAt <= this.#trustedSince) return
    this.#foundAt = this.#input.clock.now()
    this.#answerEarlier(askedAt)
  }

  /** Those that were answered before the control was asked lie between two controls. */
  #answerEarlier(askedAt: number): void {
    const waiting = this.#waiting
    this.#waiting = waiting.filter(({ answeredAt }) => answeredAt > askedAt)
    for (const { answeredAt, reply } of waiting) if (answeredAt <= askedAt) reply('control')
  }

  #answerAll(proof: AbsenceProof): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reply } of waiting) reply(proof)
  }

  #startAll(): void {
    const starting = this.#starting
    this.#starting = []
    for (const start of starting) start()
  }
}
