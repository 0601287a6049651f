// What stands before a simulated processor: passes everything on byte for byte until it is given a
// conduct, and then answers as the conduct says. The oracle hears what it really did.

import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Charge } from '../../src/actors/model/ports.ts'
import { Chance } from '../simulation/chance.ts'
import type { PhaseBounds } from '../simulation/simulated-processor.ts'
import {
  boundPassed,
  type CallConduct,
  type ChargeConduct,
  type Conduct,
  describeConduct,
  drawConduct,
  is200ByContract,
  type LookUpConduct,
  type Records,
  recordsOf,
} from '../simulation/worlds/conduct.ts'
import { endOf, foundText, type Reply, SETTLED_TEXT } from '../simulation/worlds/http-ends.ts'
import type { Oracle } from '../simulation/worlds/oracle.ts'
import { callOf, type ReadRequest, RequestReader } from './http-requests.ts'
import { TcpRelay } from './relay.ts'
import { describeHeaders, drawHeaders, type ReplyHeaders, writeReply } from './wire-replies.ts'

/** A conduct and the headers of all its replies. */
export interface ProxyConduct extends Conduct {
  readonly headers: ReplyHeaders
  /** Decides which calls it is about, and how long each takes. */
  readonly seed: number
}

export function drawProxyConduct(chance: Chance, bounds: PhaseBounds): ProxyConduct {
  const { charge, lookUp, probe } = drawConduct(chance, bounds)
  return {
    charge: charge === null ? null : { ...charge, reply: onConnection(charge.reply) },
    lookUp: lookUp === null ? null : { ...lookUp, reply: onConnection(lookUp.reply) },
    probe: probe === null ? null : { ...probe, reply: onConnection(probe.reply) },
    headers: drawHeaders(chance),
    seed: chance.below(2 ** 32),
  }
}

/** The connection stands when a request arrives: it can only be dropped or go silent. */
function onConnection(reply: Reply): Reply {
  if (reply.kind !== 'unreachable') return reply
  return { kind: reply.hangs ? 'silence' : 'reset' }
}

export function describeProxyConduct(conduct: ProxyConduct): string {
  return `${describeConduct(conduct)} (${describeHeaders(conduct.headers)})`
}

export interface ProxyPlace {
  readonly processor: ProcessorName
  /** Ports of the loopback: its own, and the simulator's. */
  readonly port: number
  readonly target: number
  readonly oracle: Oracle
  /** Settle-by deadline that Pit was told, ms. */
  readonly settleByMs: number
}

/**
 * From a look-up that may have found a control to the look-ups that it backs, ms: 5 s by
 * RELIABILITY.md, and the time that its answer took.
 */
const BACKED_MAX_MS = 8000

interface SimulatorAnswer {
  readonly status: number
  readonly text: string
}

export class HttpProxy extends TcpRelay {
  /** Charges that arrived here, whatever came of them. */
  charges = 0
  #conduct: ProxyConduct | null = null
  #chance = new Chance(0)
  /** What was sent here last, by id. */
  readonly #sent = new Map<string, Charge>()
  /** When a look-up was last answered that may have found something, monotonic ms. */
  #mayHaveFoundAt = Number.NEGATIVE_INFINITY
  /** Hidden behind such a look-up, though recorded, and none came since. */
  readonly #hidden = new Set<string>()
  /** Paths with their queries, for good: a cache in between that goes by the URL. */
  readonly #cached404s = new Set<string>()
  /** Charges that a conduct was about. */
  #charged = 0
  /** Look-ups that were answered on connections whose answers are shifted. */
  #shifted = 0
  /** The answer that each of those connections has for its next look-up. */
  readonly #answers = new Map<number, SimulatorAnswer>()
  readonly #running = new Set<Promise<void>>()
  readonly #place: ProxyPlace

  constructor(place: ProxyPlace) {
    super(place)
    this.#place = place
  }

  /** From the next request on; null: everything goes through. */
  behave(conduct: ProxyConduct | null): void {
    this.#conduct = conduct
    if (conduct !== null) this.#chance = new Chance(conduct.seed)
  }

  /** Resolves once nothing is left to be recorded. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  protected override passOn(near: Socket, far: Socket): void {
    const reader = new RequestReader()
    // A connection carries one request at a time.
    let lookedUp: string | undefined
    near.on('data', (chunk: Buffer) => {
      for (const request of reader.read(chunk)) {
        lookedUp = callOf(request).kind === 'lookUp' ? request.path : undefined
        this.#take(request, near, far)
      }
    })
    far.on('data', (chunk: Buffer) => {
      if (lookedUp !== undefined && IS_404.test(chunk.toString('latin1', 0, 12))) {
        this.#cached404s.add(lookedUp)
      }
      lookedUp = undefined
    })
    near.on('end', () => {
      // What waits for a connection when its caller gives up is not sent: who keeps it until the
      // settle-by deadline is over is beyond a bound.
      if (far.connecting) far.destroy()
      else far.end()
    })
  }

  #take(request: ReadRequest, near: Socket, far: Socket): void {
    const call = callOf(request)
    if (call.kind === 'lookUp' && this.#cached404s.has(request.path)) {
      return writeReply(near, { reply: MISSING, headers: PLAIN, contractText: '' })
    }
    if (call.kind === 'charge') {
      this.charges += 1
      this.#sent.set(call.charge.correlationId, call.charge)
    }
    const conduct = this.#conduct
    const act = conduct === null ? undefined : this.#actionFor(request, conduct, near)
    if (act !== undefined) return this.#run(act)
    far.write(request.bytes)
    if (call.kind === 'lookUp') this.#noteFinding()
  }

  /** Undefined for what goes through. */
  #actionFor(
    request: ReadRequest,
    conduct: ProxyConduct,
    near: Socket,
  ): (() => Promise<void>) | undefined {
    const call = callOf(request)
    const answer = ({ reply }: CallConduct, contractText: string): void =>
      writeReply(near, { reply, headers: conduct.headers, contractText })
    if (call.kind === 'charge' && this.#isAbout(conduct.charge)) {
      const { charge } = conduct
      const received = { request, id: call.charge.correlationId, at: performance.now() }
      return () => this.#charge(received, charge, () => answer(charge, SETTLED_TEXT))
    }
    if (call.kind === 'lookUp' && this.#isAbout(conduct.lookUp)) {
      const { lookUp } = conduct
      const { shiftedConnections } = lookUp
      if (shiftedConnections !== undefined) {
        return () => this.#lookUpShifted(shiftedConnections, call.correlationId, near)
      }
      return () =>
        this.#lookUp(call.correlationId, lookUp, (contractText) => answer(lookUp, contractText))
    }
    if (call.kind === 'probe' && this.#isAbout(conduct.probe)) {
      const { probe } = conduct
      const failing = this.#chance.happens(0.5)
      const minResponseTime = this.#chance.pick([0, 0, 200, 100_000])
      return async () => {
        await pause(this.#chance.between(probe.delayMs))
        answer(probe, JSON.stringify({ failing, minResponseTime }))
      }
    }
    return undefined
  }

  #isAbout<Drawn extends CallConduct>(conduct: Drawn | null): conduct is Drawn {
    return conduct !== null && this.#chance.happens(conduct.share)
  }

  #run(act: () => Promise<void>): void {
    const running = act().finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  async #charge(
    {
      request,
      id,
      at,
    }: { readonly request: ReadRequest; readonly id: string; readonly at: number },
    conduct: ChargeConduct,
    answer: () => void,
  ): Promise<void> {
    const { reply } = conduct
    this.#charged += 1
    const records = recordsOf(conduct, this.#charged)
    const { oracle, processor } = this.#place
    const [delayMs, afterMs] = [
      this.#chance.between(conduct.delayMs),
      this.#chance.between(conduct.afterMs),
    ]
    const isBefore = records === 'before' && (await this.#record(request))
    await pause(delayMs)
    // Until it is recorded after all it is not.
    this.#note(id, conduct, { records: isBefore ? 'before' : 'not', landsMs: 0 })
    if (reply.kind === 'answer') {
      const end = endOf(reply, SETTLED_TEXT)
      const text = end?.kind === 'answered' ? end.text : ''
      oracle.onEnded(processor, id, { kind: 'answered', status: reply.status, text })
    }
    answer()
    if (records !== 'after') return
    await pause(afterMs)
    const isAfter = await this.#record(request)
    const landsMs = performance.now() - at
    this.#note(id, conduct, { records: isAfter ? 'after' : 'not', landsMs })
  }

  #note(
    id: string,
    { reply }: ChargeConduct,
    { records, landsMs }: { readonly records: Records; readonly landsMs: number },
  ): void {
    const { oracle, settleByMs } = this.#place
    const bound = boundPassed({ reply, records }, { landsMs, landingMaxMs: settleByMs })
    if (bound !== null) oracle.goesBeyond(id, bound)
  }

  async #lookUp(
    correlationId: string,
    { delayMs, lie, reply }: LookUpConduct,
    answer: (contractText: string) => void,
  ): Promise<void> {
    const askedAt = performance.now()
    await pause(this.#chance.between(delayMs))
    if (is200ByContract(reply)) {
      this.#place.oracle.contradicted.add(correlationId)
      this.#noteFinding()
    }
    const isBacked = askedAt - this.#mayHaveFoundAt <= BACKED_MAX_MS
    if (isBacked && isAbsence(reply) && (await this.#isRecorded(correlationId))) {
      this.#hidden.add(correlationId)
    }
    // A 404 has no body by contract.
    const isMissing = reply.kind === 'answer' && reply.status === 404
    answer(isMissing ? '' : this.#lieAbout(correlationId, lie))
  }

  /** Each connection has the answer to the look-up before this one. */
  async #lookUpShifted(connections: number, correlationId: string, near: Socket): Promise<void> {
    const index = this.#shifted % connections
    this.#shifted += 1
    const askedAt = performance.now()
    const own = await this.#ask(`/payments/${correlationId}`, {})
    if (own === undefined) return void near.destroy()
    const earlier = this.#answers.get(index) ?? own
    this.#answers.set(index, own)
    if (earlier.status === 200) this.#noteFinding()
    const isBacked = askedAt - this.#mayHaveFoundAt <= BACKED_MAX_MS
    if (isBacked && earlier.status === 404 && own.status === 200) this.#hidden.add(correlationId)
    const { status, text } = earlier
    const head = `HTTP/1.1 ${status} x\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n`
    if (near.writable) near.write(head + text)
  }

  /** What was hidden since the last such look-up may have been hidden between two controls. */
  #noteFinding(): void {
    this.#mayHaveFoundAt = performance.now()
    for (const id of this.#hidden) this.#place.oracle.goesBeyond(id, 'hidden between two controls')
    this.#hidden.clear()
  }

  /** The contract's JSON about a payment, except for one thing. */
  #lieAbout(correlationId: string, lie: LookUpConduct['lie']): string {
    const sent = this.#sent.get(correlationId)
    return foundText({
      correlationId: lie === 'id' ? OTHER_ID : correlationId,
      amountCents: (sent?.amountCents ?? 0) + (lie === 'amount' ? OTHER_CENTS : 0),
      requestedAt: (sent?.requestedAt ?? 0) + (lie === 'instant' ? OTHER_MS : 0),
    })
  }

  /** Asks until the simulator has it, whatever fault it has meanwhile. */
  async #record({ body }: ReadRequest): Promise<boolean> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const asked = { method: 'POST', body, headers: JSON_TYPE }
      const status = (await this.#ask('/payments', asked))?.status
      if (status === 200 || status === 422) return true
      await pause(AGAIN_MS)
    }
    return false
  }

  async #isRecorded(correlationId: string): Promise<boolean> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const status = (await this.#ask(`/payments/${correlationId}`, {}))?.status
      if (status === 200 || status === 404) return status === 200
      await pause(AGAIN_MS)
    }
    return false
  }

  /** The simulator's answer; undefined when it has none. */
  async #ask(path: string, request: RequestInit): Promise<SimulatorAnswer | undefined> {
    try {
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
      const answer = await fetch(`http://127.0.0.1:${this.#place.target}${path}`, {
        ...request,
        signal,
      })
      return { status: answer.status, text: await answer.text() }
    } catch {
      return undefined
    }
  }
}

const IS_404 = /^HTTP\/1\.1 404$/

const MISSING: Reply = { kind: 'answer', status: 404, body: 'none' }
const PLAIN: ReplyHeaders = { framing: 'length', lines: [] }

const JSON_TYPE = { 'Content-Type': 'application/json' }
const TRIES_MAX = 100
const AGAIN_MS = 100

/** Longer than any simulator's fault delays an answer, ms. */
const ANSWER_WITHIN_MS = 15_000

/** Off every amount that is posted. */
const OTHER_CENTS = 1_000_000

const OTHER_ID = 'ffffffff-ffff-4fff-8fff-ffffffffffff'

/** Further off than an instant may be where the owner does not know all that were sent. */
const OTHER_MS = 3 * 86_400_000

/** Whether a look-up's reply says in the contract's form that there is no such payment. */
function isAbsence(reply: Reply): boolean {
  // A 404 has no body by contract, and half of none is none.
  const isEmpty = reply.kind === 'answer' && ['none', 'contract', 'cut'].includes(reply.body)
  return reply.kind === 'answer' && reply.status === 404 && isEmpty
}
