// The description of Pit's API, as OpenAPI 3.1: the routes of both ports with their answers. A spec
// checks real answers against it.

import type {
  ApiDocument,
  ApiResponse,
  ApiServer,
  Operation,
  Parameter,
  PathItem,
  ResponseReference,
  Schema,
} from './document.ts'
import { SCHEMAS } from './schemas.ts'

/** The whole document; `version` is Pit's. */
export function describeApi(version: string): ApiDocument {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Pit',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [serverAt('9999', 'The payment port, for clients.')],
    security: [],
    tags: [
      { name: 'payments', description: 'For clients.' },
      { name: 'operations', description: 'For operators, on a port of their own.' },
    ],
    paths: { ...PAYMENT_PATHS, ...OPS_PATHS },
    components: { schemas: SCHEMAS, responses: GENERAL_ANSWERS },
  }
}

const DESCRIPTION = [
  'Pit takes payments, answers once they are committed, and settles each one once at the cheaper',
  'of two processors. Errors are `application/problem+json`. A path that is not listed is answered',
  '404, a method that is not listed 405; HEAD is answered wherever GET is, without the body.',
].join(' ')

function serverAt(port: string, description: string): ApiServer {
  const variables = {
    host: { default: 'localhost', description: 'Where Pit runs.' },
    port: { default: port, description: 'The one that Pit listens on.' },
  }
  return { url: 'http://{host}:{port}', description, variables }
}

/** A 2xx with JSON of this schema. */
function jsonAnswer(description: string, schema: Schema): ApiResponse {
  return { description, content: { 'application/json': { schema } } }
}

/** A 2xx with JSON of a schema of the document. */
function namedAnswer(description: string, name: string): ApiResponse {
  return jsonAnswer(description, { $ref: `#/components/schemas/${name}` })
}

/** An error; `type` is its `urn:pit:problem:` part, where it has one. */
function problemAnswer(
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
const UNAVAILABLE_ANSWER: ApiResponse = {
  ...problemAnswer('Cannot be done now; sending it again is safe.', { status: 503 }),
  headers: {
    'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } },
  },
}

/** What any path answers to a wrong path or method. */
const GENERAL_ANSWERS: Readonly<Record<string, ApiResponse>> = {
  NotFound: problemAnswer('No payment has this id, or nothing is at this path.', { status: 404 }),
  MethodNotAllowed: {
    ...problemAnswer('To any method that the path does not list.', { status: 405 }),
    headers: {
      Allow: { description: 'The methods that are allowed.', schema: { type: 'string' } },
    },
  },
}

const NOT_FOUND: ResponseReference = { $ref: '#/components/responses/NotFound' }
const WRONG_METHOD: ResponseReference = { $ref: '#/components/responses/MethodNotAllowed' }

const POST_PAYMENT: Operation = {
  operationId: 'postPayment',
  summary: 'Takes a payment.',
  description: 'Safe to send again, at any time and to any instance: the same id is one payment.',
  tags: ['payments'],
  requestBody: {
    required: true,
    content: {
      'application/json': {
        schema: { $ref: '#/components/schemas/Payment' },
        example: { correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3', amount: 19.9 },
      },
    },
  },
  responses: {
    202: {
      description: 'Committed now, or known already with the same amount.',
      headers: {
        Location: {
          description: 'Where its status is: `/payments/{correlationId}`.',
          schema: { type: 'string' },
        },
      },
    },
    400: problemAnswer('Not a payment; `field` names the member at fault.', {
      status: 400,
      type: 'invalid-payment',
    }),
    405: WRONG_METHOD,
    409: problemAnswer('The id is known with another amount.', {
      status: 409,
      type: 'conflicting-payment',
    }),
    413: problemAnswer('The body is too long.', { status: 413 }),
    415: problemAnswer('The body is not sent as JSON. From a page in a browser it has to say so.', {
      status: 415,
    }),
    503: UNAVAILABLE_ANSWER,
  },
}

const GET_PAYMENT: Operation = {
  operationId: 'getPayment',
  summary: 'Returns everything that is known of a payment.',
  tags: ['payments'],
  parameters: [
    {
      name: 'correlationId',
      in: 'path',
      required: true,
      description: 'In either case.',
      schema: { type: 'string', format: 'uuid' },
    },
  ],
  responses: {
    200: namedAnswer('The status of the payment.', 'PaymentStatus'),
    400: problemAnswer('The id is no UUID.', { status: 400, type: 'invalid-payment' }),
    404: NOT_FOUND,
    405: WRONG_METHOD,
    500: problemAnswer('What is stored of it cannot be read.', {
      status: 500,
      type: 'damaged-payment',
    }),
    503: UNAVAILABLE_ANSWER,
  },
}

function bound(name: 'from' | 'to'): Parameter {
  const description = `An instant with offset, inclusive; without it the window has no ${name}.`
  return { name, in: 'query', description, schema: { type: 'string', format: 'date-time' } }
}

const GET_SUMMARY: Operation = {
  operationId: 'getSummary',
  summary: 'Sums up what was settled in a window of `requestedAt`.',
  tags: ['payments'],
  parameters: [bound('from'), bound('to')],
  responses: {
    200: namedAnswer('The totals of all instances.', 'Summary'),
    400: problemAnswer('The window cannot be read.', { status: 400, type: 'invalid-window' }),
    405: WRONG_METHOD,
    503: UNAVAILABLE_ANSWER,
  },
}

const PURGE: Operation = {
  operationId: 'purgePayments',
  summary: 'Forgets every payment, where `ALLOW_PURGE` allows it.',
  tags: ['payments'],
  responses: {
    200: { description: 'Everything is forgotten.' },
    403: problemAnswer(
      'Purging is switched off, or PostgreSQL refuses it, or a page in a browser asks for it.',
      { status: 403 },
    ),
    405: WRONG_METHOD,
    413: problemAnswer('The body is too long.', { status: 413 }),
    503: UNAVAILABLE_ANSWER,
  },
}

const PAYMENT_PATHS: Readonly<Record<string, PathItem>> = {
  '/payments': { post: POST_PAYMENT },
  '/payments/{correlationId}': { get: GET_PAYMENT },
  '/payments-summary': { get: GET_SUMMARY },
  '/purge-payments': { post: PURGE },
}

/** Only while `OPS_HOST` is a loopback address, as it is by default. */
const FOREIGN_ANSWER = problemAnswer(
  'Called by a name that others could own, or by a page of another site, at a port that is for this machine alone.',
  { status: 403 },
)

const OPS_SERVERS = [serverAt('9998', 'The operators’ port.')]

function opsPath(
  operation: { operationId: string; summary: string },
  answers: Readonly<Record<string, ApiResponse>>,
): PathItem {
  const responses = { ...answers, 403: FOREIGN_ANSWER, 405: WRONG_METHOD }
  return { servers: OPS_SERVERS, get: { ...operation, tags: ['operations'], responses } }
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

const OPS_PATHS: Readonly<Record<string, PathItem>> = {
  '/healthz': opsPath(
    { operationId: 'getHealth', summary: 'Whether the process is alive; asks nothing else.' },
    { 200: jsonAnswer('It is.', truth('alive')) },
  ),
  '/readyz': opsPath(
    { operationId: 'getReadiness', summary: 'Whether this instance takes payments.' },
    {
      200: jsonAnswer('It does.', truth('ready')),
      503: problemAnswer(
        'It is starting or draining, or cannot commit, or does not hold its lease: `detail` says which.',
        { status: 503 },
      ),
    },
  ),
  '/metrics': opsPath(
    { operationId: 'getMetrics', summary: 'What can be measured, for Prometheus.' },
    {
      200: text('OpenMetrics where it is accepted, else the older plain text.', [
        'application/openmetrics-text',
        'text/plain',
      ]),
    },
  ),
  '/openapi.json': opsPath(
    { operationId: 'getDescription', summary: 'This description.' },
    {
      200: jsonAnswer('An OpenAPI 3.1 document.', {
        type: 'object',
        properties: {
          openapi: { type: 'string' },
          info: { type: 'object' },
          paths: { type: 'object' },
          components: { type: 'object' },
        },
        required: ['openapi', 'info', 'paths', 'components'],
      }),
    },
  ),
  '/docs': opsPath(
    { operationId: 'getDocs', summary: 'This description for people.' },
    { 200: text('A page that loads nothing else.', ['text/html']) },
  ),
}
