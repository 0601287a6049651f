// What a recovering processor is sent, from the moment at which it works again until what waited then
// is worked off or its next fault begins; and how often circuits opened meanwhile.

import type { Part } from '../../bench/layout/part.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { type Clocks, type ClockSetting, machineTimeOf } from './clocks.ts'
import type { FaultName } from './fault-kinds.ts'
import { setTimeout as pause } from 'node:timers/promises'

export interface Recovery {
  readonly fault: FaultName
  readonly processor: ProcessorName
  /** Wall clock, epoch ms. */
  readonly fromMs: number
  readonly toMs: number
  /** Payments open when it worked again, and those accepted until the end of the recovery. */
  readonly waiting: number
  readonly accepted: number
  /** Charges that arrived at the processor, or its proxy, meanwhile, from all instances. */
  readonly sends: number
}

/** All payments that PostgreSQL has, at one moment. */
export interface Backlog {
  readonly total: number
  readonly open: number
  /** PostgreSQL's own time of that moment, as text that it reads again. */
  readonly at: string
}

export interface RecoveriesOptions {
  /** Rejects while PostgreSQL is away; such a recovery is not measured. */
  readonly readBacklog: () => Promise<Backlog>
  /** Open payments accepted up to a time of `readBacklog`. */
  readonly countOpenSince: (at: string) => Promise<number>
  /** Charges that arrived at a processor since its start. */
  readonly countSends: (processor: ProcessorName) => number
}

/** The most charges for each payment that waits or comes in. */
export const SENDS_PER_PAYMENT_MAX = 1.2

/** A query that takes longer is given up, so that the plan is kept to, ms. */
const ANSWER_WITHIN_MS = 500
const CHECK_EVERY_MS = 250

interface Open {
  readonly fault: FaultName
  readonly processor: ProcessorName
  readonly fromMs: number
  readonly before: Backlog
  readonly sendsBefore: number
  /** Resolves once the recovery was measured; set right after the start. */
  ended: Promise<void>
  stopping: boolean
}

export class Recoveries {
  readonly measured: Recovery[] = []
  readonly #options: RecoveriesOptions
  readonly #open = new Map<ProcessorName, Open>()
  /** Faults that hit each processor now: one may begin before the last one is over. */
  readonly #faults: Record<ProcessorName, number> = { default: 0, fallback: 0 }

  constructor(options: RecoveriesOptions) {
    this.#options = options
  }

  /** Call right before a processor's fault begins. Never rejects. */
  async faultBegins(processor: ProcessorName): Promise<void> {
    this.#faults[processor] += 1
    await this.end(processor)
  }

  /** Call right before a processor's fault ends: it works again if no other one goes on. */
  async faultEnds(fault: FaultName, processor: ProcessorName): Promise<void> {
    this.#faults[processor] -= 1
    if (this.#faults[processor] === 0) await this.#begin(fault, processor)
  }

  async #begin(fault: FaultName, processor: ProcessorName): Promise<void> {
    // The backlog first: what is sent between both queries counts in Pit's favour, by milliseconds.
    const before = await soon(this.#options.readBacklog())
    const sendsBefore = this.#options.countSends(processor)
    if (before === undefined) return
    // Another fault came, and may be over by now.
    if (this.#faults[processor] > 0 || this.#open.has(processor)) return
    const started = { fault, processor, fromMs: Date.now(), before, sendsBefore }
    const open: Open = { ...started, ended: Promise.resolve(), stopping: false }
    this.#open.set(processor, open)
    open.ended = this.#follow(open)
  }

  /** Resolves once what is being measured at a processor is. Never rejects. */
  async end(processor: ProcessorName): Promise<void> {
    const open = this.#open.get(processor)
    if (open === undefined) return
    open.stopping = true
    await open.ended
  }

  async #follow(open: Open): Promise<void> {
    let left: number | undefined
    do {
      await pause(CHECK_EVERY_MS)
      left = await soon(this.#options.countOpenSince(open.before.at))
    } while (!open.stopping && left !== 0)
    this.#open.delete(open.processor)
    const recovery = await this.#measure(open)
    if (recovery !== undefined) this.measured.push(recovery)
  }

  async #measure({ before, sendsBefore, ...open }: Open): Promise<Recovery | undefined> {
    const { fault, processor, fromMs } = open
    const toMs = Date.now()
    const sends = this.#options.countSends(processor)
    const after = await soon(this.#options.readBacklog())
    if (after === undefined) return undefined
    const counts = { waiting: before.open, accepted: after.total - before.total }
    return { fault, processor, fromMs, toMs, ...counts, sends: sends - sendsBefore }
  }
}

/** Charges per payment that waited or came in. */
export function sendsPerPayment({ sends, waiting, accepted }: Recovery): number {
  return sends / Math.max(1, waiting + accepted)
}

/** Whether the recovering processor was sent more than it may be. */
export function isFlooded({ sends, waiting, accepted }: Recovery): boolean {
  return sends > Math.ceil(SENDS_PER_PAYMENT_MAX * (waiting + accepted))
}

/** Undefined for what is late or rejects. */
async function soon<Value>(value: Promise<Value>): Promise<Value | undefined> {
  return await Promise.race([
    value.catch(() => undefined),
    pause(ANSWER_WITHIN_MS).then(() => undefined),
  ])
}

interface Opening {
  readonly instance: string
  readonly processor: ProcessorName
  /** Wall clock, epoch ms. */
  readonly atMs: number
  /** Why, in the log's words; for openings that are told together, what failed meanwhile. */
  readonly why: string
}

/**
 * Openings that one instance told, in the order of its log; `text` is all that it wrote, by a clock
 * that was set so.
 */
export function readOpenings(
  instance: string,
  text: string,
  settings: readonly ClockSetting[] = [],
): readonly Opening[] {
  const openings: Opening[] = []
  let wroteAt = Number.NEGATIVE_INFINITY
  for (const line of text.split('\n')) {
    const [, time] = /"time":"([^"]*)"/.exec(line) ?? []
    if (time === undefined) continue
    wroteAt = machineTimeOf(Date.parse(time), settings, wroteAt)
    // Few lines are of this kind, and a killed process may leave half a line.
    if (!/"circuit\.(changed|flapped)"/.test(line) || !line.endsWith('}')) continue
    const { to, openedMsAgo, processor, cause, failures } = JSON.parse(line) as CircuitLine
    const why = cause ?? failures ?? ''
    for (const agoMs of openedMsAgo ?? (to === 'open' ? [0] : [])) {
      openings.push({ instance, processor, atMs: wroteAt - agoMs, why })
    }
  }
  return openings
}

/** One change, or those of a while together. */
interface CircuitLine {
  readonly processor: ProcessorName
  readonly to?: string
  readonly openedMsAgo?: readonly number[]
  readonly cause?: string
  readonly failures?: string
}

/** Openings of that instance's circuit that opened most often during a recovery. */
export function openingsDuring(
  recovery: Recovery,
  openings: readonly Opening[],
): readonly Opening[] {
  const byInstance = new Map<string, Opening[]>()
  for (const opening of openings) {
    const { instance, processor, atMs } = opening
    if (processor !== recovery.processor) continue
    if (atMs < recovery.fromMs || atMs > recovery.toMs) continue
    byInstance.set(instance, [...(byInstance.get(instance) ?? []), opening])
  }
  const [most = []] = [...byInstance.values()].sort((a, b) => b.length - a.length)
  return most
}

export interface JudgedRecovery extends Recovery {
  /** The most openings of one instance's circuit. */
  readonly openings: number
  /** Why they opened, each reason once. */
  readonly why: readonly string[]
  readonly verdict: 'held' | 'broken'
}

/** What was sent before the recovery may still fail in it, and open a circuit once more. */
export const OPENINGS_MAX = 3

export function judgeRecoveries(
  recoveries: readonly Recovery[],
  instances: readonly Pick<Part, 'name' | 'logs'>[],
  clocks?: Pick<Clocks, 'settingsOf'>,
): readonly JudgedRecovery[] {
  const openings = instances.flatMap((pit) =>
    readOpenings(pit.name, pit.logs(), clocks?.settingsOf(pit.name)),
  )
  return recoveries.map((recovery) => {
    const most = openingsDuring(recovery, openings)
    const why = [...new Set(most.map((opening) => opening.why))]
    const isBroken = isFlooded(recovery) || most.length > OPENINGS_MAX
    return { ...recovery, openings: most.length, why, verdict: isBroken ? 'broken' : 'held' }
  })
}
