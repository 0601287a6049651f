// The answers of the edge: problem details as RFC 9457 has them, and JSON.

import type { Unavailable } from '../actors/messages.ts'

/** A whole answer, ready to be written; those without parameters are made once. */
export interface Reply {
  /** Code and phrase: `202 Accepted`. */
  readonly status: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Empty: an answer without a body. */
  readonly body: string
}

/** `urn:pit:problem:*` are this API's own problems; without a type the status says enough. */
export interface Problem {
  readonly status: keyof typeof PHRASES
  readonly type?: `urn:pit:problem:${string}`
  /** One sentence for a human; never repeats what the client sent. */
  readonly detail: string
  /** The member or parameter at fault. */
  readonly field?: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
}

const PHRASES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const

/** Renders a problem; `title` is the status phrase. */
export function problem({ status, type, detail, field, headers = [] }: Problem): Reply {
  const title = PHRASES[status]
  return {
    status: `${status} ${title}`,
    headers: [['Content-Type', 'application/problem+json'], ...headers],
    body: JSON.stringify({ type: type ?? 'about:blank', title, status, detail, field }),
  }
}

/** A 200 with a JSON text. */
export function json(body: string): Reply {
  return { status: '200 OK', headers: JSON_HEADERS, body }
}

const JSON_HEADERS = [['Content-Type', 'application/json']] as const

export const NOT_FOUND = problem({ status: 404, detail: 'There is nothing at this path.' })

/** Seconds after which a client that got 503 may try again. */
const RETRY_AFTER_S = '1'

export const UNAVAILABLE = unavailable('The request could not be carried out now')

/** The same with the class of its cause; PostgreSQL's words are for the log. */
export const UNAVAILABLE_AS: Readonly<Record<Unavailable['why'], Reply>> = {
  late: unavailable('PostgreSQL did not answer in time'),
  refused: unavailable('PostgreSQL refuses what this takes, in words that the log has'),
  away: unavailable('PostgreSQL cannot be reached, or takes no statements now'),
}

function unavailable(why: string): Reply {
  return problem({
    status: 503,
    detail: `${why}; sending it again is safe.`,
    headers: [['Retry-After', RETRY_AFTER_S]],
  })
}

/** Sending it again does not help before somebody changes what is refused there. */
export function refusedByDatabase(words: string): Reply {
  return problem({ status: 403, detail: `PostgreSQL refuses this: ${words}.` })
}

export const DAMAGED = problem({
  status: 500,
  type: 'urn:pit:problem:damaged-payment',
  detail: 'The payment is known, but what is stored of it cannot be read: an operator has to look.',
})

/** The path is known, the method is not one of `allowed`. */
export function methodNotAllowed(allowed: readonly string[]): Reply {
  const methods = allowed.join(', ')
  return problem({
    status: 405,
    detail: `This path takes ${allowed.join(' and ')} only.`,
    headers: [['Allow', methods]],
  })
}
