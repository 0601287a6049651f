// What a client may send as a payment, decoded strictly.

import { type CentsFault, parseCents } from '../../actors/model/money.ts'

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
 * `AMOUNT_CENTS_MAX`). Other members are ignored. Only the first fault is reported.
 */
export function decodePayment(bytes: Buffer): PaymentBody {
  // The shape that common clients send, without a JSON parser. It only accepts, and agrees with the
  // full decoder, which decides about everything else. Every byte that it accepts is ASCII.
  const text = bytes.toString('latin1')
  if (text.startsWith(OPENING) && text.startsWith(MIDDLE, MIDDLE_AT) && text.endsWith('}')) {
    const correlationId = parseUuid(text.slice(OPENING.length, MIDDLE_AT))
    const amountCents = parseCents(text.slice(AMOUNT_AT, -1))
    if (correlationId !== undefined && typeof amountCents === 'number' && amountCents > 0) {
      return { kind: 'payment', correlationId, amountCents }
    }
  }
  return decodePaymentFully(bytes)
}

/** The same, for JSON of any layout. */
export function decodePaymentFully(bytes: Buffer): PaymentBody {
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
 * Decodes the source text of both members, not what `JSON.parse` made of it: `19.900000000000001`
 * must not count as 19.90. A name that occurs twice is a fault, so that there is only one reading.
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

/** A member as written: its name decoded, its value's text as it stands in the source. */
export interface Member {
  readonly name: string
  readonly source: string
}

/**
 * Lists the members of one JSON object, duplicates included, in the order of the source. `text`
 * must be one that `JSON.parse` reads as an object: nothing is checked here. It exists because
 * `JSON.parse` loses digits that a double does not hold, and names that occur twice. Nesting costs
 * no stack.
 */
export function membersOf(text: string): readonly Member[] {
  const members: Member[] = []
  let at = skipSpace(text, 0) + 1
  for (;;) {
    at = skipSpace(text, at)
    if (at >= text.length || text[at] === '}') return members
    const nameEnd = endOfString(text, at)
    const name: unknown = JSON.parse(text.slice(at, nameEnd))
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1)
    const valueEnd = endOfValue(text, valueStart)
    members.push({ name: String(name), source: text.slice(valueStart, valueEnd) })
    at = skipSpace(text, valueEnd)
    if (text[at] === ',') at += 1
  }
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at += 1
  return at
}

/** `from` is at the opening quote; the result is behind the closing one. */
function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function endOfValue(text: string, from: number): number {
  const first = text[from]
  if (first === '"') return endOfString(text, from)
  if (first === '{' || first === '[') return endOfNested(text, from)
  let at = from
  while (at < text.length && !',} \t\n\r'.includes(text.charAt(at))) at += 1
  return at
}

function endOfNested(text: string, from: number): number {
  let depth = 0
  let at = from
  while (at < text.length) {
    const char = text[at]
    if (char === '"') {
      at = endOfString(text, at)
      continue
    }
    at += 1
    if (char === '{' || char === '[') depth += 1
    if (char === '}' || char === ']') depth -= 1
    if (depth === 0) return at
  }
  return at
}
