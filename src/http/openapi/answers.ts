// The answers that several routes have in common.

import type { ApiResponse, Schema } from './document.ts'

/** A 2xx with JSON of this schema. */
export function jsonAnswer(description: string, schema: Schema): ApiResponse {
  return { description, content: { 'application/json': { schema } } }
}

/** A 2xx with JSON of a schema of the document. */
export function namedAnswer(description: string, name: string): ApiResponse {
  return jsonAnswer(description, { $ref: `#/components/schemas/${name}` })
}

/** An error; `type` is its `urn:pit:problem:` part, where it has one. */
export function problemAnswer(
  description: string,
  { status, type }: { readonly status: number; readonly type?: string },
): ApiResponse {
  const properties = {
    status: { const: status },
    type: { const: type === undefined ? 'about:blank' : `urn:pit:problem:${type}` },
  }
  const schema = { $ref: '#/components/schemas/Problem', properties }
  return { description, content: { 'application/problem+json': { schema } } }
}

/** The 503 of the payment port. */
export const UNAVAILABLE_ANSWER: ApiResponse = {
  ...problemAnswer('Cannot be done now; sending it again is safe.', { status: 503 }),
  headers: {
    'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } },
  },
}

/** What any path answers that is asked wrongly. */
export const GENERAL_ANSWERS: Readonly<Record<string, ApiResponse>> = {
  NotFound: problemAnswer('There is nothing at this path.', { status: 404 }),
  MethodNotAllowed: {
    ...problemAnswer('The path is known, the method is not.', { status: 405 }),
    headers: {
      Allow: { description: 'The methods that are.', schema: { type: 'string' } },
    },
  },
}
