// The processors' JSON: what a request says, and what can be trusted of an answer.

import { formatCents, parseCents } from '../../actors/model/money.ts'
import type { Charge } from '../../actors/model/ports.ts'

/** Body of a charge. The id is a validated UUID, so nothing in it needs escaping. */
export function chargeBody(charge: Charge): string {
  const requestedAt = new Date(charge.requestedAt).toISOString()
  return `{"correlationId":"${charge.correlationId}","amount":${formatCents(charge.amountCents)},"requestedAt":"${requestedAt}"}`
}

/** The JSON object in an answer; undefined for anything else, as a cut number can still parse. */
export function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Readonly<Record<string, unknown>>
    }
    return undefined
  } catch {
    return undefined
  }
}

/** Cents of a decimal JSON number; undefined unless it is exactly a whole number of cents. */
export function readCents(amount: unknown): number | undefined {
  if (typeof amount !== 'number') return undefined
  // The shortest decimal that names this double is what the processor wrote, zeros at its end aside.
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
