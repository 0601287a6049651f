// What an end with a processor means. Pure; the rules are those of `ChargeAnswer`.

import type { ChargeAnswer, LookUpAnswer, ProbeAnswer } from '../../actors/model/ports.ts'
import type { RequestEnd } from './in-flight-request.ts'
import { readCents, readInstant, readObject } from './wire.ts'

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
