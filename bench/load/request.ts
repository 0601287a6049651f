// Requests as text: what a connection writes.

import { authorityOf } from './target.ts'
import type { Target } from './target.ts'

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** With the query, already encoded. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** JSON; absent: a request with no body at all. */
  readonly body?: string
}

/** The bytes of an HTTP/1.1 request, as text to be written in UTF-8. */
export function formatRequest(target: Target, request: HttpRequest): string {
  const lines = [`${request.method} ${request.path} HTTP/1.1`, `Host: ${authorityOf(target)}`]
  for (const [name, value] of Object.entries(request.headers ?? {})) lines.push(`${name}: ${value}`)
  if (request.body !== undefined) lines.push('Content-Type: application/json')
  if (request.method !== 'GET') {
    lines.push(`Content-Length: ${Buffer.byteLength(request.body ?? '')}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n${request.body ?? ''}`
}

/**
 * A quick way to `POST /payments`: everything but the id is formatted once.
 * @param amountCents whole cents; printed as JavaScript prints the decimal (1990 → `19.9`).
 */
export function paymentFormatter(
  target: Target,
  amountCents: number,
): (correlationId: string) => string {
  const placeholder = '0'.repeat(UUID_CHARACTERS)
  const body = JSON.stringify({ correlationId: placeholder, amount: amountCents / 100 })
  const text = formatRequest(target, { method: 'POST', path: '/payments', body })
  const at = text.indexOf(placeholder)
  const before = text.slice(0, at)
  const after = text.slice(at + UUID_CHARACTERS)
  return (correlationId) => before + correlationId + after
}

const UUID_CHARACTERS = 36
