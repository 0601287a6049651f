// All the ways in which an HTTP request can end, and what each of them says by a processor's
// contract. Written from that contract alone: it shares no line with the reading that it tests.

import type { Charge } from '../../../src/actors/model/ports.ts'
import type { Chance } from '../chance.ts'

/** How a request ended, as a client over HTTP sees it. */
export type HttpEnd =
  | { readonly kind: 'answered'; readonly status: number; readonly text: string }
  | { readonly kind: 'unsent'; readonly detail: string }
  | { readonly kind: 'lost'; readonly detail: string }

/** What stands in an answer's body; a `dripping` one never ends, a `huge` one is cut off. */
export type Body = (typeof BODIES)[number]

const BODIES = ['none', 'contract', 'otherJson', 'html', 'cut', 'dripping', 'huge'] as const

/** What comes back for a request. */
export type Reply =
  | { readonly kind: 'answer'; readonly status: number; readonly body: Body }
  /** The connection ends without an answer, or stays silent until the caller gives up. */
  | { readonly kind: 'reset' | 'silence' }
  /** No byte was sent; `hangs`: which takes as long as the caller waits, as a name without a server. */
  | { readonly kind: 'unreachable'; readonly hangs: boolean }

/**
 * What a charge's end says of the payment:
 * - `settled`: 200 and the contract's JSON;
 * - `known`: 422;
 * - `badRequest`: 400 in an API's form, by which this processor refuses it for good;
 * - `notDone`: a refusal to act, or not sent at all;
 * - `unsaid`: no contract says which, so neither reading is wrong;
 * - `mayBeDone`: anything else.
 */
export type Meaning = 'settled' | 'known' | 'badRequest' | 'notDone' | 'unsaid' | 'mayBeDone'

export function meaningOf(end: HttpEnd): Meaning {
  if (end.kind === 'unsent') return 'notDone'
  if (end.kind === 'lost') return 'mayBeDone'
  const { status, text } = end
  if (status === 200) return text === SETTLED_TEXT ? 'settled' : 'mayBeDone'
  if (status === 422) return 'known'
  if (status === 400) return text === '' || isJsonObject(text) ? 'badRequest' : 'notDone'
  if (REFUSALS.has(status) || (status >= 300 && status < 400)) return 'notDone'
  if (MAY_BE_DONE.has(status)) return 'mayBeDone'
  return status >= 400 && status < 500 ? 'unsaid' : 'mayBeDone'
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return Object.prototype.toString.call(value) === '[object Object]'
  } catch {
    return false
  }
}

/** Whether what was recorded all the same is beyond what anybody on this side can know. */
export function saysUnrecorded(reply: Reply): boolean {
  if (reply.kind === 'unreachable') return true
  if (reply.kind !== 'answer') return false
  const meaning = meaningOf({ kind: 'answered', status: reply.status, text: '' })
  return meaning === 'badRequest' || meaning === 'notDone' || meaning === 'unsaid'
}

/** By these a server, or what stands in front of one, refuses to act. */
const REFUSALS: ReadonlySet<number> = new Set([
  401, 403, 404, 405, 407, 410, 421, 426, 429, 431, 451, 501, 505, 506, 511,
])

/** 4xx that may have been acted on. */
const MAY_BE_DONE: ReadonlySet<number> = new Set([408, 409, 425])

/** The body of a charge that was recorded. */
export const SETTLED_TEXT = '{"message":"payment processed successfully"}'

/** The body of a look-up that found a payment. */
export function foundText({ correlationId, amountCents, requestedAt }: Charge): string {
  const amount = amountCents / 100
  return JSON.stringify({
    correlationId,
    amount,
    requestedAt: new Date(requestedAt).toISOString(),
  })
}

/** Statuses that proxies and clouds are known to give in incidents. */
const NOTORIOUS: readonly number[] = [
  200, 201, 202, 204, 301, 302, 307, 308, 400, 401, 403, 404, 405, 407, 408, 409, 410, 413, 421,
  422, 425, 426, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 511, 520, 522, 524, 525,
  530,
]

export function drawReply(chance: Chance): Reply {
  const kind = chance.below(12)
  if (kind === 0) return { kind: 'reset' }
  if (kind === 1) return { kind: 'silence' }
  if (kind === 2) return { kind: 'unreachable', hangs: chance.happens(0.5) }
  const status = chance.happens(0.6) ? chance.pick(NOTORIOUS) : 100 + chance.below(500)
  return { kind: 'answer', status, body: chance.pick(BODIES) }
}

/** The end of a request that got this reply; null: none comes. */
export function endOf(reply: Reply, contractText: string): HttpEnd | null {
  if (reply.kind === 'unreachable') {
    return { kind: 'unsent', detail: reply.hangs ? 'EAI_AGAIN' : 'ECONNREFUSED' }
  }
  if (reply.kind !== 'answer') {
    return reply.kind === 'silence' ? null : { kind: 'lost', detail: 'ECONNRESET' }
  }
  const { status, body } = reply
  if (body === 'dripping') return null
  if (body === 'huge') return { kind: 'lost', detail: 'answer too long' }
  return { kind: 'answered', status, text: textOf(body, contractText) }
}

function textOf(body: Exclude<Body, 'dripping' | 'huge'>, contractText: string): string {
  switch (body) {
    case 'none':
      return ''
    case 'contract':
      return contractText
    case 'otherJson':
      return '{"status":"maintenance"}'
    case 'html':
      return '<!doctype html><title>Somebody else</title><h1>Not here</h1>'
    case 'cut':
      return contractText.slice(0, Math.ceil(contractText.length / 2))
  }
}

export function describeReply(reply: Reply): string {
  if (reply.kind === 'unreachable') return reply.hangs ? 'hang unsent' : 'are refused'
  if (reply.kind !== 'answer') return reply.kind === 'reset' ? 'are reset' : 'get no answer'
  return `get ${reply.status} with ${BODY_WORDS[reply.body]}`
}

const BODY_WORDS: Readonly<Record<Body, string>> = {
  none: 'no body',
  contract: "the contract's JSON",
  otherJson: 'other JSON',
  html: 'a page',
  cut: 'half a body',
  dripping: 'a body that never ends',
  huge: 'a body that is too long',
}
