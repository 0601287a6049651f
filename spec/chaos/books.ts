// All books side by side: payment by payment, in windows, and as Pit tells a client of them.

import { type BooksDifference, subtractBooks } from '../../bench/challenge/books.ts'
import { describeAnswer, HttpClient, readJson } from '../../bench/load/client.ts'
import { parseTarget } from '../../bench/load/target.ts'
import type {
  ProcessorName,
  ProcessorTotal,
  Summary,
  TimeWindow,
} from '../../src/actors/model/payment.ts'
import type { Chance } from '../simulation/chance.ts'
import type { Posted } from './clients.ts'
import type { Ledgers, PitPayment, Recorded } from './ledgers.ts'

/**
 * - `lost`: answered 202 and in no ledger;
 * - `paidTwice`: in both ledgers, or twice in one;
 * - `misattributed`: Pit and the ledger differ in processor, instant, amount or in whether it is
 *   settled at all;
 * - `stranger`: in a ledger and never posted, or posted with another amount.
 */
export type PaymentFaultKind = 'lost' | 'paidTwice' | 'misattributed' | 'stranger'

export interface PaymentFault {
  readonly kind: PaymentFaultKind
  readonly correlationId: string
  /** When it was posted, ms from the start of the load; undefined when it never was. */
  readonly atMs: number | undefined
  readonly detail: string
}

export interface AllBooks {
  readonly posted: ReadonlyMap<string, Posted>
  readonly ledgers: Ledgers
  readonly pit: ReadonlyMap<string, PitPayment>
}

interface Entry extends Recorded {
  readonly processor: ProcessorName
}

export const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/** Every payment at fault; a payment may be at fault in more than one way. */
export function findPaymentFaults({ posted, ledgers, pit }: AllBooks): readonly PaymentFault[] {
  const entries = new Map<string, Entry[]>()
  for (const processor of PROCESSORS) {
    for (const recorded of ledgers[processor]) {
      const entry = { ...recorded, processor }
      const earlier = entries.get(recorded.correlationId)
      if (earlier === undefined) entries.set(recorded.correlationId, [entry])
      else earlier.push(entry)
    }
  }
  const faults: PaymentFault[] = []
  for (const id of new Set([...posted.keys(), ...entries.keys(), ...pit.keys()])) {
    const atMs = posted.get(id)?.atMs
    const found = judge(posted.get(id), entries.get(id) ?? [], pit.get(id))
    faults.push(...found.map((fault) => ({ ...fault, correlationId: id, atMs })))
  }
  return faults
}

type Judged = Pick<PaymentFault, 'kind' | 'detail'>

function judge(
  posted: Posted | undefined,
  entries: readonly Entry[],
  pit: PitPayment | undefined,
): readonly Judged[] {
  const faults: Judged[] = []
  const [first] = entries
  const told = entries.map(describe).join(', ')
  if (posted?.accepted === true && first === undefined) {
    faults.push({ kind: 'lost', detail: `answered 202, recorded nowhere, Pit: ${say(pit)}` })
  }
  if (entries.length > 1) faults.push({ kind: 'paidTwice', detail: `recorded as ${told}` })
  if (first !== undefined && posted?.amountCents !== first.amountCents) {
    const detail = `recorded as ${told}, posted with ${posted?.amountCents ?? 'nothing'}`
    faults.push({ kind: 'stranger', detail })
  }
  if (!agree(first, pit)) {
    faults.push({ kind: 'misattributed', detail: `recorded as ${told || 'nothing'}, ${say(pit)}` })
  }
  return faults
}

/** What was posted without a 202 may be unknown to Pit; nothing else may differ. */
function agree(entry: Entry | undefined, pit: PitPayment | undefined): boolean {
  if (entry === undefined) return pit?.state !== 'settled'
  return (
    pit?.state === 'settled' &&
    pit.processor === entry.processor &&
    pit.requestedAt === entry.requestedAt &&
    pit.amountCents === entry.amountCents
  )
}

function describe({ processor, requestedAt, amountCents }: Entry): string {
  return `${amountCents} cents at ${processor} requested ${new Date(requestedAt).toISOString()}`
}

function say(pit: PitPayment | undefined): string {
  if (pit === undefined) return 'Pit does not know it'
  const { state, processor, requestedAt } = pit
  const at = requestedAt === undefined ? 'never' : new Date(requestedAt).toISOString()
  return `Pit says ${state} at ${processor ?? 'nobody'} requested ${at}`
}

export interface WindowCheck {
  readonly window: TimeWindow
  /** Pit's figure minus the ledger's; undefined when Pit gave none. */
  readonly difference: BooksDifference | undefined
  /** Sum over both processors of how far Pit's amount is off, cents. */
  readonly centsOff: number
  readonly paymentsOff: number
}

/** Draws windows whose edges are instants of payments, a millisecond beside them, or anywhere. */
export function drawWindows(
  ledgers: Ledgers,
  count: number,
  chance: Chance,
): readonly TimeWindow[] {
  const instants = [...ledgers.default, ...ledgers.fallback].map((entry) => entry.requestedAt)
  if (instants.length === 0) return [{}]
  const edge = (): number => {
    const instant = Math.floor(chance.pick(instants))
    const kind = chance.next()
    if (kind < 0.4) return instant
    if (kind < 0.6) return instant + chance.pick([-1, 1])
    if (kind < 0.8) return Math.floor(instant / 1000) * 1000 - chance.pick([0, 1])
    return Math.round(instant + chance.between([-5000, 5000]))
  }
  return Array.from({ length: count }, (_, index) => {
    const [one, other] = [edge(), edge()]
    const [from, to] = [Math.min(one, other), Math.max(one, other)]
    if (index === 0) return {}
    if (chance.happens(0.1)) return { from }
    return chance.happens(0.1) ? { to } : { from, to }
  })
}

/** Sums of windows over ledgers that no longer change. */
export class LedgerSums {
  readonly #default: SortedLedger
  readonly #fallback: SortedLedger

  constructor(ledgers: Ledgers) {
    this.#default = new SortedLedger(ledgers.default)
    this.#fallback = new SortedLedger(ledgers.fallback)
  }

  of(window: TimeWindow): Summary {
    return { default: this.#default.sum(window), fallback: this.#fallback.sum(window) }
  }

  compare(window: TimeWindow, pit: Summary | undefined): WindowCheck {
    if (pit === undefined) return { window, difference: undefined, centsOff: 0, paymentsOff: 0 }
    const difference = subtractBooks(pit, this.of(window))
    const { default: one, fallback: other } = difference
    return {
      window,
      difference,
      centsOff: Math.abs(one.cents) + Math.abs(other.cents),
      paymentsOff: Math.abs(one.payments) + Math.abs(other.payments),
    }
  }
}

/** Whether Pit answered and agreed per processor, in count and in cents. */
export function isEqual({ difference, centsOff, paymentsOff }: WindowCheck): boolean {
  return difference !== undefined && centsOff === 0 && paymentsOff === 0
}

class SortedLedger {
  readonly #instants: readonly number[]
  /** Cents of all payments before the index. */
  readonly #centsBefore: readonly number[]

  constructor(entries: readonly Recorded[]) {
    const sorted = entries.toSorted((one, other) => one.requestedAt - other.requestedAt)
    this.#instants = sorted.map((entry) => entry.requestedAt)
    const centsBefore = [0]
    for (const { amountCents } of sorted) centsBefore.push((centsBefore.at(-1) ?? 0) + amountCents)
    this.#centsBefore = centsBefore
  }

  sum({ from = -Infinity, to = Infinity }: TimeWindow): ProcessorTotal {
    const first = this.#countBelow((instant) => instant < from)
    const end = Math.max(
      first,
      this.#countBelow((instant) => instant <= to),
    )
    const cents = (this.#centsBefore[end] ?? 0) - (this.#centsBefore[first] ?? 0)
    return { payments: end - first, cents }
  }

  /** How many of the sorted instants are below an edge, by bisection. */
  #countBelow(isBelow: (instant: number) => boolean): number {
    let low = 0
    let high = this.#instants.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBelow(this.#instants[middle] ?? Infinity)) low = middle + 1
      else high = middle
    }
    return low
  }
}

const SAMPLE = 200
const TIMEOUT_MS = 10_000

/** Asks for a sample of the recorded payments; a sentence for each that differs. */
export async function findStatusFaults(
  url: string,
  ledgers: Ledgers,
  chance: Chance,
): Promise<readonly string[]> {
  const all = PROCESSORS.flatMap((name) => ledgers[name].map((entry) => ({ name, entry })))
  if (all.length === 0) return []
  const client = new HttpClient({ target: parseTarget(url), timeoutMs: TIMEOUT_MS })
  const faults: string[] = []
  for (let asked = 0; asked < SAMPLE; asked += 1) {
    const { name, entry } = chance.pick(all)
    const path = `/payments/${entry.correlationId}`
    const answer = await client.request({ method: 'GET', path })
    if (isStatusOf(readJson(answer), name, entry)) continue
    const told = answer.kind === 'answered' ? answer.body.toString('utf8') : describeAnswer(answer)
    faults.push(`${entry.correlationId} is recorded at ${name}, Pit tells ${told}`)
  }
  client.close()
  return faults
}

function isStatusOf(status: unknown, name: ProcessorName, entry: Recorded): boolean {
  if (typeof status !== 'object' || status === null) return false
  const told = status as Record<string, unknown>
  return (
    told['state'] === 'settled' &&
    told['processor'] === name &&
    Math.round(Number(told['amount']) * 100) === entry.amountCents &&
    Date.parse(String(told['requestedAt'])) === entry.requestedAt
  )
}
