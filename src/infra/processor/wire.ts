// What goes over the wire to a processor and back: the JSON of a request, and what an answer means.
// Nothing in an answer is trusted; the rules are those of `ChargeAnswer`.

import { randomBytes } from 'node:crypto'
import { formatCents, parseCents } from '../../actors/model/money.ts'
import type { Charge, ChargeAnswer, LookUpAnswer, ProbeAnswer } from '../../actors/model/ports.ts'
import type { Answer, RequestEnd } from './in-flight-requests.ts'
import { kindOfStatus } from './statuses.ts'

/** Body of a charge. The id is a validated UUID, so nothing in it needs escaping. */
export function chargeBody(charge: Charge): string {
  const requestedAt = new Date(charge.requestedAt).toISOString()
  return `{"correlationId":"${charge.correlationId}","amount":${formatCents(charge.amountCents)},"requestedAt":"${requestedAt}"}`
}

/**
 * Paths of look-ups. None was ever asked before, by whichever instance and process: a cache in between
 * that goes by the URL, as nginx does whatever a request says of caching, has no answer to it.
 */
export function createLookUpPaths(): (correlationId: string) => string {
  const asker = randomBytes(6).toString('hex')
  let asked = 0
  return (correlationId) => {
    asked += 1
    return `/payments/${correlationId}?fresh=${asker}${asked.toString(36)}`
  }
}

/** Headers by which caches are to ask the processor itself; some still go by the older `Pragma`. */
export const NOT_FROM_A_CACHE = { 'Cache-Control': 'no-cache', Pragma: 'no-cache' }

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

/** Epoch ms of an ISO instant, finer fractions cut off. One without a zone is UTC. */
export function readInstant(text: unknown): number | undefined {
  if (typeof text !== 'string' || !INSTANT.test(text)) return undefined
  const instant = Date.parse(ZONE.test(text) ? text : `${text}Z`)
  return Number.isNaN(instant) ? undefined : instant
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/
const ZONE = /(?:Z|[+-]\d\d:\d\d)$/

/** Whether a processor that works may have answered a charge so, and not a server in between. */
export function isOwnToCharge({ status, text }: Answer): boolean {
  switch (status) {
    case 200:
      return isJsonObject(text)
    case 400:
      return text === '' || isJsonObject(text)
    default:
      return status === 422 || status === 429
  }
}

/** As for a charge; `id` is the one that a look-up asked for, lower case, and absent for a probe. */
export function isOwnToQuestion({ status, text }: Answer, id?: string): boolean {
  if (status === 200) return isJsonObject(text) && text.toLowerCase().includes(id ?? '')
  return status === 429 || (status === 404 && text === '' && id !== undefined)
}

/** By its beginning, which tells it from pages. */
function isJsonObject(text: string): boolean {
  return text.trimStart().startsWith('{')
}

/** Whatever is not understood may have been processed. */
export function chargeAnswer(end: RequestEnd): ChargeAnswer {
  if (end.kind === 'unsent') return { kind: 'refused', detail: end.detail }
  if (end.kind === 'lost') return { kind: 'inDoubt', detail: end.detail }
  if (end.status === 200) {
    return typeof readObject(end.text)?.['message'] === 'string' ? SETTLED : UNREADABLE
  }
  if (end.status === 429) return LIMITED
  const isPage = end.status === 400 && end.text !== '' && readObject(end.text) === undefined
  return { kind: isPage ? 'refused' : kindOfStatus(end.status), detail: `http ${end.status}` }
}

/**
 * A 404 counts in the contract's form alone, without a body: pages of others have one. Nothing counts
 * that a cache had: an absence may be over, and a control has to show who answers now.
 */
export function lookUpAnswer(end: RequestEnd, correlationId: string): LookUpAnswer {
  if (end.kind !== 'answered') return { kind: 'failed', detail: end.detail }
  const { status, text, isCached } = end
  if (isCached) return FROM_A_CACHE
  if (status === 200) return foundAnswer(text, correlationId)
  if (status === 404 && text === '') return { kind: 'missing' }
  // Its own limiter and its own failures; what else there is comes from somebody else.
  const isOwn = status === 429 || status >= 500
  return { kind: isOwn ? 'failed' : 'foreign', detail: `http ${status}` }
}

function foundAnswer(text: string, correlationId: string): LookUpAnswer {
  const payment = readObject(text)
  const id = payment?.['correlationId']
  const requestedAt = readInstant(payment?.['requestedAt'])
  const amountCents = readCents(payment?.['amount'])
  const isReadable = typeof id === 'string' && UUID.test(id)
  if (!isReadable || requestedAt === undefined || amountCents === undefined) {
    return { kind: 'foreign', detail: 'unreadable answer' }
  }
  const foundId = id.toLowerCase()
  if (foundId === correlationId) return { kind: 'found', requestedAt, amountCents }
  return { kind: 'found', requestedAt, amountCents, foreignId: foundId }
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i

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
const LIMITED: ChargeAnswer = { kind: 'refused', detail: 'http 429', isLimited: true }
const FROM_A_CACHE: LookUpAnswer = { kind: 'foreign', detail: 'from a cache' }
const UNREADABLE: ChargeAnswer = { kind: 'inDoubt', detail: 'unreadable answer' }

function isDuration(value: unknown): value is number {
  return Number.isFinite(value) && Number(value) >= 0
}
