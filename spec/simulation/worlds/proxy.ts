// What stands in front of a simulated processor and may answer in its place; without a conduct of its
// own it lets everything through.

import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { Charge } from '../../../src/actors/model/ports.ts'
import type { Chance } from '../chance.ts'
import type { CalledProcessor, ReplyTo } from '../simulated-processor.ts'
import type { VirtualTime } from '../virtual-time.ts'
import { boundPassed, type CallConduct, type Conduct } from './conduct.ts'
import { is200ByContract, type Records, recordsOf } from './conduct.ts'
import { endOf, foundText, type HttpEnd, SETTLED_TEXT } from './http-ends.ts'
import type { Oracle } from './oracle.ts'

export interface ProxyParts {
  readonly name: ProcessorName
  readonly virtualTime: VirtualTime
  readonly chance: Chance
  readonly oracle: Oracle
  readonly server: CalledProcessor & { readonly ledger: ReadonlyMap<string, unknown> }
  /** How long a caller waits for a charge, ms. */
  readonly attemptTimeoutMs: number
  /** From its sending, a request is recorded within this time or never, ms. */
  readonly landingMaxMs: number
}

/** A part of what a caller waits in which a name without a server hangs, 0 to 1. */
const HANGING_SHARE = 0.95

/** Off every amount that is posted. */
const OTHER_CENTS = 1_000_000

const OTHER_ID = 'ffffffff-ffff-4fff-8fff-ffffffffffff'

/** An instant may be off by so much where the owner does not know all that were sent. */
const DAY_MS = 86_400_000

export class ProcessorProxy implements CalledProcessor {
  conduct: Conduct | null = null
  /** What was sent here last, by id. */
  readonly #sent = new Map<string, Charge>()
  /** Charges that a conduct was about. */
  #charged = 0
  /** Look-ups that were answered on connections whose answers are shifted. */
  #shifted = 0
  /** The end that each of those connections has for its next look-up. */
  readonly #ends = new Map<number, HttpEnd>()
  readonly #parts: ProxyParts

  constructor(parts: ProxyParts) {
    this.#parts = parts
  }

  charge(charge: Charge, reply: ReplyTo): void {
    const { server, chance, virtualTime, landingMaxMs } = this.#parts
    this.#sent.set(charge.correlationId, charge)
    const conduct = this.conduct?.charge
    if (!this.#isAbout(conduct)) return server.charge(charge, reply)
    const delayMs = this.#delayOf(conduct)
    const afterMs = delayMs + chance.between(conduct.afterMs)
    const answer = (): void => this.#answer(conduct, SETTLED_TEXT, reply)
    const note = (records: Records): void => {
      const bound = boundPassed({ ...conduct, records }, { landsMs: afterMs, landingMaxMs })
      if (bound !== null) this.#parts.oracle.goesBeyond(charge.correlationId, bound)
    }
    this.#charged += 1
    switch (recordsOf(conduct, this.#charged)) {
      case 'not':
        note('not')
        return virtualTime.after(delayMs, answer)
      case 'before':
        return server.charge(charge, () => {
          // The processor may have refused it, or failed, and the proxy answers all the same.
          note(server.ledger.has(charge.correlationId) ? 'before' : 'not')
          virtualTime.after(delayMs, answer)
        })
      case 'after':
        note('after')
        virtualTime.after(delayMs, answer)
        return server.charge(charge, () => undefined, afterMs)
    }
  }

  lookUp(correlationId: string, reply: ReplyTo): void {
    const { server, virtualTime, oracle } = this.#parts
    const conduct = this.conduct?.lookUp
    if (!this.#isAbout(conduct)) return server.lookUp(correlationId, reply)
    const { shiftedConnections } = conduct
    if (shiftedConnections !== undefined) {
      return this.#lookUpShifted(shiftedConnections, correlationId, reply)
    }
    const delayMs = this.#delayOf(conduct)
    const sent = this.#sent.get(correlationId)
    if (is200ByContract(conduct.reply)) oracle.contradicted.add(correlationId)
    virtualTime.after(delayMs, () => {
      // A 404 has no body by contract.
      const isMissing = conduct.reply.kind === 'answer' && conduct.reply.status === 404
      this.#answer(conduct, isMissing ? '' : this.#lieOf(conduct.lie, correlationId, sent), reply)
    })
  }

  /** The first one of a connection gets its own. */
  #lookUpShifted(connections: number, correlationId: string, reply: ReplyTo): void {
    const index = this.#shifted % connections
    this.#shifted += 1
    this.#parts.server.lookUp(correlationId, (end) => {
      const earlier = this.#ends.get(index) ?? end
      this.#ends.set(index, end)
      reply(earlier)
    })
  }

  probe(reply: ReplyTo): void {
    const conduct = this.conduct?.probe
    if (!this.#isAbout(conduct)) return this.#parts.server.probe(reply)
    const failing = this.#parts.chance.happens(0.5)
    this.#parts.virtualTime.after(this.#delayOf(conduct), () => {
      this.#answer(conduct, `{"failing":${failing},"minResponseTime":0}`, reply)
    })
  }

  /** The contract's JSON about a payment, except for one thing. */
  #lieOf(lie: 'amount' | 'id' | 'instant', id: string, sent: Charge | undefined): string {
    const { claimed, hasPurged } = this.#parts.oracle
    const lieMs = claimed.has(id) || hasPurged ? 2 * DAY_MS : DAY_MS
    return foundText({
      correlationId: lie === 'id' ? OTHER_ID : id,
      amountCents: (sent?.amountCents ?? 0) + (lie === 'amount' ? OTHER_CENTS : 0),
      requestedAt: (sent?.requestedAt ?? 0) + (lie === 'instant' ? lieMs : 0),
    })
  }

  #isAbout<Drawn extends CallConduct>(conduct: Drawn | null | undefined): conduct is Drawn {
    return conduct !== null && conduct !== undefined && this.#parts.chance.happens(conduct.share)
  }

  #delayOf({ reply, delayMs }: CallConduct): number {
    const { chance, attemptTimeoutMs } = this.#parts
    const isHanging = reply.kind === 'unreachable' && reply.hangs
    return isHanging ? attemptTimeoutMs * HANGING_SHARE : chance.between(delayMs)
  }

  #answer(conduct: CallConduct, contractText: string, reply: ReplyTo): void {
    const end = endOf(conduct.reply, contractText)
    if (end !== null) reply(end)
  }
}
