// What goes over the wire to a processor and back: the JSON of a request, and what an answer means.
// Nothing in an answer is trusted; the rules are those of `ChargeAnswer`.

import type { ProcessorTotal } from '../../actors/model/payment.ts'
import { formatCents, parseCents } from '../../actors/model/money.ts'
import type { Charge, ChargeAnswer, LookUpAnswer, ProbeAnswer } from '../../actors/model/ports.ts'
import type { RequestEnd } from './in-flight-requests.ts'

/** Body of a charge. The id is a validated UUID, so nothing in it needs escaping. */
export function chargeBody(charge: Charge): string {
  const requestedAt = new Date(charge.requestedAt).toISOString()
  return `{"correlationId":"${charge.correlationId}","amount":${formatCents(charge.amountCents)},"requestedAt":"${requestedAt}"}`
}

/** The JSON object in an answer; undefined for anything else, as a cut number can still parse. */
export function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Cents of a decimal JSON number; undefined unless it is exactly a whole number of cents. */
export function readCents(amount: unknown): number | undefined {
  if (typeof amount !== 'number') return undefined
  // The shortest decimal that names this double is what the processor wrote, zeros at its end
  // aside.
  const cents = parseCents(String(amount))
  return typeof cents === 'number' ? cents : undefined
}

/** Count and amount of an admin summary or of one processor in Pit's; undefined unless exact. */
export function readTotal(value: unknown): ProcessorTotal | undefined {
  const { totalRequests, totalAmount } = isObject(value) ? value : {}
  // Sums are told as floating-point numbers, whose last digits may be off.
  const cents = typeof totalAmount === 'number' ? Math.round(totalAmount * 100) : undefined
  return isCount(totalRequests) && isCount(cents) ? { payments: totalRequests, cents } : undefined
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Epoch ms of an ISO instant, finer fractions cut off. One without a zone is UTC. */
export function readInstant(text: unknown): number | undefined {
  if (typeof text !== 'string' || !INSTANT.test(text)) return undefined
  const instant = Date.parse(ZONE.test(text) ? text : `${text}Z`)
  return Number.isNaN(instant) ? undefined : instant
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/
const ZONE = /(?:Z|[+-]\d\d:\d\d)$/

/** `refused` only where it is certain; whatever is not understood may have been processed. */
export function chargeAnswer(end: RequestEnd): ChargeAnswer {
  if (end.kind === 'unsent') return { kind: 'refused', detail: end.detail }
  if (end.kind === 'lost') return { kind: 'inDoubt', detail: end.detail }
  if (end.status === 200) {
    return readObject(end.text) === undefined ? UNREADABLE : SETTLED
  }
  return { kind: kindOf(end.status), detail: `http ${end.status}` }
}

/** An answer about another id, or one whose fields cannot be read exactly, is no answer. */
export function lookUpAnswer(end: RequestEnd, correlationId: string): LookUpAnswer {
  if (end.kind !== 'answered') return { kind: 'failed', detail: end.detail }
  if (end.status === 404) return { kind: 'missing' }
  if (end.status !== 200) return { kind: 'failed', detail: `http ${end.status}` }
  const payment = readObject(end.text)
  const id = payment?.['correlationId']
  const requestedAt = readInstant(payment?.['requestedAt'])
  const amountCents = readCents(payment?.['amount'])
  if (typeof id !== 'string' || requestedAt === undefined || amountCents === undefined) {
    return { kind: 'failed', detail: 'unreadable answer' }
  }
  if (id.toLowerCase() !== correlationId) return { kind: 'failed', detail: 'another payment' }
  return { kind: 'found', requestedAt, amountCents }
}

export function probeAnswer(end: RequestEnd): ProbeAnswer {
  if (end.kind !== 'answered') return { kind: 'failed', detail: end.detail }
  if (end.status === 429) return { kind: 'limited' }
  if (end.status !== 200) return { kind: 'failed', detail: `http ${end.status}` }
  const health = readObject(end.text)
  const failing = health?.['failing']
  const minResponseMs = health?.['minResponseTime']
  if (typeof failing !== 'boolean' || !isDuration(minResponseMs)) {
    return { kind: 'failed', detail: 'unreadable answer' }
  }
  return { kind: 'answered', failing, minResponseMs }
}

const SETTLED: ChargeAnswer = { kind: 'settled', detail: 'http 200' }
const UNREADABLE: ChargeAnswer = { kind: 'inDoubt', detail: 'unreadable answer' }

function kindOf(status: number): ChargeAnswer['kind'] {
  if (status === 422) return 'known'
  if (status === 429 || status === 425) return 'refused'
  if (status === 500) return 'failed'
  if (status === 408) return 'inDoubt'
  return status >= 400 && status < 500 ? 'rejected' : 'inDoubt'
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
