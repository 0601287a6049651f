// What a client may send as a payment, decoded strictly.

import { parseCents } from '../../actors/model/money.ts'
import type { CentsFault } from '../../actors/model/money.ts'
import { membersOf } from './json-members.ts'

export type PaymentBody =
  | { readonly kind: 'payment'; readonly correlationId: string; readonly amountCents: number }
  | { readonly kind: 'fault'; readonly detail: string; readonly field?: string }

const OPENING = '{"correlationId":"'
const MIDDLE = '","amount":'
const ID_LENGTH = 36
const MIDDLE_AT = OPENING.length + ID_LENGTH
const AMOUNT_AT = MIDDLE_AT + MIDDLE.length

/**
 * Decodes a payment: a JSON object in UTF-8 with a `correlationId` (a UUID of any version, either
 * case, given back in lower case) and an `amount` (above 0, at most 2 decimals by value, at most
 * `AMOUNT_CENTS_MAX`). Other members are ignored. Faults are told one at a time.
 */
export function decodePayment(bytes: Buffer): PaymentBody {
  // The shape that common clients send, without a JSON parser. It only ever accepts; what it does
  // not know is judged by the plain way, with which it agrees. Every byte it lets pass is ASCII.
  const text = bytes.toString('latin1')
  if (text.startsWith(OPENING) && text.startsWith(MIDDLE, MIDDLE_AT) && text.endsWith('}')) {
    const correlationId = parseUuid(text.slice(OPENING.length, MIDDLE_AT))
    const amountCents = parseCents(text.slice(AMOUNT_AT, -1))
    if (correlationId !== undefined && typeof amountCents === 'number' && amountCents > 0) {
      return { kind: 'payment', correlationId, amountCents }
    }
  }
  return decodePaymentPlainly(bytes)
}

/** The same without the short cut. */
export function decodePaymentPlainly(bytes: Buffer): PaymentBody {
  const text = decodeUtf8(bytes)
  if (text === undefined) return fault('The body is not UTF-8.')
  const value = parseJson(text)
  if (value === undefined) return fault('The body is not JSON.')
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fault('The body is not a JSON object.')
  }
  return decodeMembers(text)
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The UUID in lower case, or undefined: no braces, no `urn:uuid:`. */
export function parseUuid(text: string): string | undefined {
  return UUID.test(text) ? text.toLowerCase() : undefined
}

// A byte order mark is kept, and so is not JSON.
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}

/** JSON has no `undefined`. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/**
 * Judges the source text of both members, not what `JSON.parse` made of them: `19.900000000000001`
 * must not pass for 19.90. A name that occurs twice is a fault, so there is only one reading.
 */
function decodeMembers(text: string): PaymentBody {
  const sources = new Map<string, string>()
  for (const { name, source } of membersOf(text)) {
    if (name !== 'correlationId' && name !== 'amount') continue
    if (sources.has(name)) return fault(`${name} occurs more than once.`, name)
    sources.set(name, source)
  }
  const correlationId = decodeCorrelationId(sources.get('correlationId'))
  if (correlationId.kind === 'fault') return correlationId
  return decodeAmount(correlationId.value, sources.get('amount'))
}

type Decoded =
  { readonly kind: 'value'; readonly value: string } | (PaymentBody & { kind: 'fault' })

function decodeCorrelationId(source: string | undefined): Decoded {
  if (source === undefined) return fault('correlationId is missing.', 'correlationId')
  const value = parseJson(source)
  if (typeof value !== 'string') return fault('correlationId is not a string.', 'correlationId')
  const uuid = parseUuid(value)
  if (uuid === undefined) return fault('correlationId is not a UUID.', 'correlationId')
  return { kind: 'value', value: uuid }
}

const AMOUNT_FAULTS: Readonly<Record<CentsFault, string>> = {
  notANumber: 'amount is not a number.',
  negative: 'amount is not above zero.',
  tooManyDecimals: 'amount has more than two decimals.',
  tooLarge: 'amount is too large.',
}

function decodeAmount(correlationId: string, source: string | undefined): PaymentBody {
  if (source === undefined) return fault('amount is missing.', 'amount')
  const cents = parseCents(source)
  if (typeof cents === 'string') return fault(AMOUNT_FAULTS[cents], 'amount')
  if (cents === 0) return fault('amount is not above zero.', 'amount')
  return { kind: 'payment', correlationId, amountCents: cents }
}

function fault(detail: string, field?: string): PaymentBody & { kind: 'fault' } {
  return field === undefined ? { kind: 'fault', detail } : { kind: 'fault', detail, field }
}
