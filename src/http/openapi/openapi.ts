// The description of Pit's API, as OpenAPI 3.1. A spec holds real answers against it.

import { GENERAL_ANSWERS } from './answers.ts'
import type { ApiDocument } from './document.ts'
import { OPS_PATHS } from './ops-routes.ts'
import { PAYMENT_PATHS } from './payment-routes.ts'
import { SCHEMAS } from './schemas.ts'

/** The whole document; `version` is Pit's. */
export function describeApi(version: string): ApiDocument {
  return {
    openapi: '3.1.0',
    info: { title: 'Pit', version, description: DESCRIPTION },
    servers: [{ url: 'http://localhost:9999', description: 'Where clients call.' }],
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
  '404, a method that is not listed 405.',
].join(' ')
