// The routes of the operators' port, described. HEAD is answered wherever GET is.

import { jsonAnswer, problemAnswer } from './answers.ts'
import type { ApiResponse, PathItem, Schema } from './document.ts'

const SERVERS = [{ url: 'http://localhost:9998', description: 'Where operators call.' }]

function path(
  operation: { operationId: string; summary: string },
  responses: Readonly<Record<string, ApiResponse>>,
): PathItem {
  return { servers: SERVERS, get: { ...operation, tags: ['operations'], responses } }
}

function truth(name: string): Schema {
  const properties = { [name]: { type: 'boolean', const: true } as const }
  return { type: 'object', properties, required: [name], additionalProperties: false }
}

function text(description: string, mediaTypes: readonly string[]): ApiResponse {
  const content = mediaTypes.map(
    (mediaType) => [mediaType, { schema: { type: 'string' } }] as const,
  )
  return { description, content: Object.fromEntries(content) }
}

export const OPS_PATHS: Readonly<Record<string, PathItem>> = {
  '/healthz': path(
    { operationId: 'getHealth', summary: 'Whether the process lives; asks nobody else.' },
    { 200: jsonAnswer('It does.', truth('alive')) },
  ),
  '/readyz': path(
    { operationId: 'getReadiness', summary: 'Whether this instance takes payments.' },
    {
      200: jsonAnswer('It does.', truth('ready')),
      503: problemAnswer('It is starting or draining.', { status: 503 }),
    },
  ),
  '/metrics': path(
    { operationId: 'getMetrics', summary: 'What can be measured, for Prometheus.' },
    {
      200: text('OpenMetrics to who accepts it, else the older plain text.', [
        'application/openmetrics-text',
        'text/plain',
      ]),
    },
  ),
  '/openapi.json': path(
    { operationId: 'getDescription', summary: 'This description.' },
    {
      200: jsonAnswer('An OpenAPI 3.1 document.', {
        type: 'object',
        required: ['openapi', 'info', 'paths', 'components'],
      }),
    },
  ),
  '/docs': path(
    { operationId: 'getDocs', summary: 'This description for people.' },
    { 200: text('A page that loads nothing else.', ['text/html']) },
  ),
}
