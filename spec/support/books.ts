// Compares Pit's books with the processors', id by id, window by window, in cents; and reads what
// the processors recorded, from simulators in this process or over their admin routes.

import type { Test } from 'tap'
import { request } from 'undici'
import { booksAgree, countPayments, subtractBooks } from '../../bench/challenge/books.ts'
import { ProcessorAdmin } from '../../bench/challenge/processor-admin.ts'
import { GIVE_UP_MS, waitUntil } from '../../bench/layout/wait.ts'
import { parseTarget } from '../../bench/load/target.ts'
import type { Random } from './seeded.ts'
import type { PaymentStatus, PitClient, Register } from './system-client.ts'
import type { ProcessorName, ProcessorTotal, TimeWindow } from '../../src/actors/model/payment.ts'
import type { Simulator } from '../../src/simulator/simulator.ts'
import type { Sends } from '../../src/simulator/state.ts'

export interface Books {
  /** Asked for payment statuses and summaries; its register holds all that was posted. */
  readonly client: PitClient
  readonly ledgers: Ledgers
}

/** Waits for the settlement of all that was posted, then compares; the faults, a sentence each. */
export async function compareBooks(books: Books, random: Random): Promise<readonly string[]> {
  // What is not settled is reported together with what differs: the two explain each other.
  const late = await awaitSettled(books).then(
    () => [],
    (error: Error) => [error.message],
  )
  return [...late, ...(await findBookFaults(books, random))]
}

/**
 * Waits until every payment answered with 202 is settled, nothing can be recorded any more, Pit's
 * sums are the processors', and the payments that got no 202 are either settled, too, or unknown.
 * Gives up after `GIVE_UP_MS`.
 */
async function awaitSettled(books: Books): Promise<void> {
  const { client, ledgers } = books
  let wanted = [...client.register.values()].filter((posted) => posted.accepted).length
  let seen = ''
  const probe = async (): Promise<boolean> => {
    // A second payment may still land when the first one has long been settled.
    if (!(await ledgers.areQuiet())) return false
    const [pit, processors] = await Promise.all([client.summary({}), ledgers.totals()])
    seen = JSON.stringify({ pit, processors, wanted })
    if (pit === undefined || !booksAgree(subtractBooks(pit, processors))) return false
    return countPayments(pit) >= wanted
  }
  const allSettled = (): Promise<void> =>
    waitUntil({ what: 'all settled' }, probe).catch((cause: unknown) => {
      throw new Error(`not all is settled: ${seen}`, { cause })
    })
  await allSettled()
  for (const [id, { accepted }] of client.register) {
    if (accepted) continue
    await waitUntil({ what: `${id} settled or unknown` }, async () => {
      const paymentStatus = await client.paymentStatus(id)
      if (paymentStatus === 'missing') return true
      if (paymentStatus?.state !== 'settled') return false
      wanted += 1
      return true
    })
  }
  // The sums do not tell a payment that was answered with 202 from one that was not.
  await allSettled()
}

/**
 * What is wrong with the books, a sentence each: payments answered 202 that are not in exactly one
 * ledger, ledger entries that were never posted, other processors, instants or amounts than Pit
 * tells, and windows whose sums differ.
 */
async function findBookFaults(books: Books, random: Random): Promise<readonly string[]> {
  const recorded = await books.ledgers.payments()
  const faults = [
    ...unexpectedEntries(books.client.register, recorded),
    ...(await unrecordedPayments(books.client, recorded)),
    ...(await differingStatuses(books.client, recorded)),
    ...(await differingWindows(books.client, recorded, random)),
  ]
  return faults.length <= FAULTS_SHOWN_MAX
    ? faults
    : [...faults.slice(0, FAULTS_SHOWN_MAX), `${faults.length} faults in all`]
}

const FAULTS_SHOWN_MAX = 12
const NAMES: readonly ProcessorName[] = ['default', 'fallback']
const ASKED_AT_ONCE = 24
const WINDOWS = 24

/** What a processor has recorded, as its `/admin/payments` lists it. */
interface RecordedPayment {
  /** Lower-case UUID. */
  readonly correlationId: string
  readonly amountCents: number
  /** Epoch ms, with decimals when it was sent with microseconds. */
  readonly requestedAt: number
}

type Recorded = ByProcessor<readonly RecordedPayment[]>

function unexpectedEntries(register: Register, recorded: Recorded): readonly string[] {
  const seen = new Map<string, ProcessorName>()
  const faults: string[] = []
  for (const name of NAMES) {
    for (const { correlationId: id, amountCents } of recorded[name]) {
      const posted = register.get(id)
      const earlier = seen.get(id)
      if (earlier !== undefined) faults.push(`${id} is recorded at ${earlier} and at ${name}`)
      seen.set(id, name)
      if (posted === undefined) faults.push(`${id} is recorded at ${name}, but was never posted`)
      else if (posted.amountCents !== amountCents) {
        faults.push(`${id} is recorded with ${amountCents} cents, not ${posted.amountCents}`)
      }
    }
  }
  return faults
}

/** What waits for what is told with it. */
async function unrecordedPayments(
  client: PitClient,
  recorded: Recorded,
): Promise<readonly string[]> {
  const seen = new Set(NAMES.flatMap((name) => recorded[name].map((entry) => entry.correlationId)))
  const faults: string[] = []
  for (const [id, { accepted }] of client.register) {
    if (!accepted || seen.has(id)) continue
    const told = faults.length < FAULTS_SHOWN_MAX ? await client.paymentStatus(id) : undefined
    faults.push(`${id} was answered 202 and is recorded nowhere: ${JSON.stringify(told)}`)
  }
  return faults
}

async function differingStatuses(
  client: PitClient,
  recorded: Recorded,
): Promise<readonly string[]> {
  const entries = NAMES.flatMap((name) => recorded[name].map((entry) => ({ name, entry })))
  const faults: string[] = []
  for (let at = 0; at < entries.length; at += ASKED_AT_ONCE) {
    const some = entries.slice(at, at + ASKED_AT_ONCE)
    // Once one payment has kept the others waiting in vain, the rest are asked for only once.
    const withinMs = faults.length > 0 ? 0 : GIVE_UP_MS
    const statuses = await Promise.all(
      some.map(({ entry }) => settledStatus(client, entry, withinMs)),
    )
    for (const [index, { name, entry }] of some.entries()) {
      const fault = statusFault(statuses[index], name, entry)
      if (fault !== undefined) faults.push(`${entry.correlationId} ${fault}`)
    }
  }
  return faults
}

/** Another instance shows a settlement once the one that settled it has written it. */
async function settledStatus(
  client: PitClient,
  { correlationId: id }: RecordedPayment,
  withinMs: number,
): Promise<PaymentStatus | 'missing' | undefined> {
  let paymentStatus: PaymentStatus | 'missing' | undefined
  const isSettled = async (): Promise<boolean> => {
    paymentStatus = await client.paymentStatus(id)
    return typeof paymentStatus === 'object' && paymentStatus.state === 'settled'
  }
  // What is not settled by then is reported as a fault, with its state.
  await waitUntil({ what: id, withinMs }, isSettled).catch(() => undefined)
  return paymentStatus
}

function statusFault(
  paymentStatus: PaymentStatus | 'missing' | undefined,
  name: ProcessorName,
  entry: RecordedPayment,
): string | undefined {
  if (paymentStatus === undefined) return `is recorded at ${name}, Pit does not answer for it`
  if (paymentStatus === 'missing') return `is recorded at ${name}, Pit does not know it`
  const { state, processor, amount } = paymentStatus
  const requestedAt =
    paymentStatus.requestedAt === undefined ? NaN : Date.parse(paymentStatus.requestedAt)
  if (state !== 'settled') return `is recorded at ${name}, Pit has it as ${state}`
  if (processor !== name) return `is recorded at ${name}, Pit says ${processor}`
  if (requestedAt !== entry.requestedAt) {
    return `is recorded with requestedAt ${entry.requestedAt}, Pit says ${requestedAt}`
  }
  if (Math.round(amount * 100) !== entry.amountCents) {
    return `is recorded with ${entry.amountCents} cents, Pit says ${amount}`
  }
  return undefined
}

async function differingWindows(
  client: PitClient,
  recorded: Recorded,
  random: Random,
): Promise<readonly string[]> {
  const faults: string[] = []
  for (const window of drawWindows(recorded, random)) {
    const pit = await client.summary(window)
    const expected = {
      default: sumUp(recorded.default, window),
      fallback: sumUp(recorded.fallback, window),
    }
    if (pit === undefined || !booksAgree(subtractBooks(pit, expected))) {
      const texts = [window, pit, expected].map((value) => JSON.stringify(value))
      faults.push(`window ${texts[0]}: Pit says ${texts[1]}, the processors ${texts[2]}`)
    }
  }
  return faults
}

/** Everything, and windows whose ends stand exactly on a payment, one ms beside it, or open. */
function drawWindows(recorded: Recorded, random: Random): readonly TimeWindow[] {
  const instants = NAMES.flatMap((name) => recorded[name].map((entry) => entry.requestedAt))
  if (instants.length === 0) return [{}]
  const edge = (): number => random.pick(instants) + random.below(3) - 1
  const drawn = Array.from({ length: WINDOWS }, (): TimeWindow => {
    const [one, other] = [random.pick(instants), edge()]
    const window = { from: Math.min(one, other), to: Math.max(one, other) }
    if (random.onceIn(6)) return { from: window.from }
    return random.onceIn(6) ? { to: window.to } : window
  })
  return [{}, ...drawn]
}

function sumUp(
  entries: readonly RecordedPayment[],
  { from = -Infinity, to = Infinity }: TimeWindow,
): { payments: number; cents: number } {
  const inside = entries.filter(({ requestedAt }) => requestedAt >= from && requestedAt <= to)
  return {
    payments: inside.length,
    cents: inside.reduce((sum, { amountCents }) => sum + amountCents, 0),
  }
}

export type ByProcessor<Value> = Readonly<Record<ProcessorName, Value>>

/** The processors' own books. */
export interface Ledgers {
  totals(): Promise<ByProcessor<ProcessorTotal>>
  payments(): Promise<ByProcessor<readonly RecordedPayment[]>>
  /** Whether no charge is under way any more that could still be recorded. */
  areQuiet(): Promise<boolean>
}

/** Asked anew at each call: a spec may replace a simulator by one that kept its books. */
export function simulatorLedgers(simulators: () => ByProcessor<Simulator>): Ledgers {
  return {
    totals: async () => {
      const { default: first, fallback } = simulators()
      return { default: first.ledger.summarize({}), fallback: fallback.ledger.summarize({}) }
    },
    payments: async () => {
      const { default: first, fallback } = simulators()
      return { default: recordedBy(first), fallback: recordedBy(fallback) }
    },
    areQuiet: async () => Object.values(simulators()).every((each) => isQuiet(each.sends())),
  }
}

function recordedBy({ ledger }: Simulator): readonly RecordedPayment[] {
  return Array.from(ledger.entries({}), ({ requestedAtMicros, ...payment }) => ({
    ...payment,
    requestedAt: requestedAtMicros / 1000,
  }))
}

export interface RemoteProcessors extends Ledgers {
  readonly admin: ByProcessor<ProcessorAdmin>
}

/** Simulators in processes of their own, with the token that they start with. */
export function remoteProcessors(t: Test, urls: ByProcessor<string>): RemoteProcessors {
  const admin = {
    default: openAdmin(t, 'default', urls.default),
    fallback: openAdmin(t, 'fallback', urls.fallback),
  }
  return {
    admin,
    totals: async () => {
      const [first, second] = await Promise.all([
        readTotal(admin.default),
        readTotal(admin.fallback),
      ])
      return { default: first, fallback: second }
    },
    payments: async () => {
      const [first, second] = await Promise.all([list(urls.default), list(urls.fallback)])
      return { default: first, fallback: second }
    },
    areQuiet: async () => {
      const sends = await Promise.all([readSends(urls.default), readSends(urls.fallback)])
      return sends.every(isQuiet)
    },
  }
}

/** Each charge that was received has come to its end; a delayed one has not. */
function isQuiet({ received, outcomes }: Sends): boolean {
  return received === Object.values(outcomes).reduce((sum, count) => sum + count, 0)
}

const TOKEN = '123'

function openAdmin(t: Test, name: ProcessorName, url: string): ProcessorAdmin {
  const options = { target: parseTarget(url), timeoutMs: GIVE_UP_MS }
  const admin = new ProcessorAdmin({ name, token: TOKEN, ...options })
  t.teardown(() => admin.close())
  return admin
}

async function readTotal(admin: ProcessorAdmin): Promise<ProcessorTotal> {
  const books = await admin.readBooks({})
  if (books === undefined) throw new Error(`processor ${admin.name} does not tell its books`)
  return books
}

async function readSends(url: string): Promise<Sends> {
  return JSON.parse(await readAdmin(`${url}/admin/sends`)) as Sends
}

async function readAdmin(url: string): Promise<string> {
  const { body } = await request(url, { headers: { 'x-rinha-token': TOKEN } })
  return body.text()
}

async function list(url: string): Promise<readonly RecordedPayment[]> {
  const lines = (await readAdmin(`${url}/admin/payments`)).split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as RecordedPayment)
}
