// Checks a value against a schema of the API's description: every keyword that Pit's schemas use,
// and an error for any other, so that none is passed over.

import type { ApiDocument, Schema } from '../../src/http/openapi/document.ts'

/** What is wrong with a value, one sentence each with the path to it; empty: nothing. */
export function schemaFaults(
  api: ApiDocument,
  schema: Schema,
  value: unknown,
  at = '$',
): readonly string[] {
  return Object.keys(schema).flatMap((keyword) => {
    const check = CHECKS[keyword]
    if (check === undefined) return [`${at}: the keyword ${keyword} is not known`]
    return check({ api, schema, value, at })
  })
}

interface Question {
  readonly api: ApiDocument
  readonly schema: Schema
  readonly value: unknown
  readonly at: string
}

type Check = (question: Question) => readonly string[]

const CHECKS: Readonly<Record<string, Check>> = {
  description: () => [],
  examples: () => [],
  $ref: ({ api, schema, value, at }) => {
    const name = schema.$ref?.replace('#/components/schemas/', '') ?? ''
    const target = api.components.schemas[name]
    return target === undefined
      ? [`${at}: no schema ${name}`]
      : schemaFaults(api, target, value, at)
  },
  type: ({ schema, value, at }) =>
    faultIf(!hasType(schema.type, value), `${at}: no ${schema.type}`),
  properties: ({ api, schema, value, at }) =>
    Object.entries(schema.properties ?? {}).flatMap(([name, member]) =>
      name in membersOf(value)
        ? schemaFaults(api, member, membersOf(value)[name], `${at}.${name}`)
        : [],
    ),
  required: ({ schema, value, at }) =>
    (schema.required ?? [])
      .filter((name) => !(name in membersOf(value)))
      .map((name) => `${at}: ${name} is missing`),
  dependentRequired: ({ schema, value, at }) =>
    Object.entries(schema.dependentRequired ?? {}).flatMap(([name, others]) =>
      name in membersOf(value)
        ? others
            .filter((other) => !(other in membersOf(value)))
            .map((other) => `${at}: ${other} is missing beside ${name}`)
        : [],
    ),
  additionalProperties: ({ schema, value, at }) =>
    Object.keys(membersOf(value))
      .filter((name) => !(name in (schema.properties ?? {})))
      .map((name) => `${at}: ${name} is not described`),
  items: ({ api, schema, value, at }) =>
    Array.isArray(value)
      ? value.flatMap((item, index) =>
          schemaFaults(api, schema.items ?? {}, item, `${at}[${index}]`),
        )
      : [],
  enum: ({ schema, value, at }) =>
    faultIf(schema.enum?.includes(String(value)) !== true, `${at}: not in the enum`),
  const: ({ schema, value, at }) => faultIf(schema.const !== value, `${at}: not ${schema.const}`),
  format: ({ schema, value, at }) =>
    faultIf(!FORMATS[schema.format ?? 'uuid'].test(String(value)), `${at}: no ${schema.format}`),
  minimum: ({ schema, value, at }) =>
    faultIf(Number(value) < (schema.minimum ?? 0), `${at}: too small`),
  exclusiveMinimum: ({ schema, value, at }) =>
    faultIf(Number(value) <= (schema.exclusiveMinimum ?? 0), `${at}: too small`),
  maximum: ({ schema, value, at }) =>
    faultIf(Number(value) > (schema.maximum ?? Infinity), `${at}: too large`),
}

const FORMATS = {
  uuid: /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/,
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
}

function faultIf(isFault: boolean, fault: string): readonly string[] {
  return isFault ? [fault] : []
}

function hasType(type: Schema['type'], value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
