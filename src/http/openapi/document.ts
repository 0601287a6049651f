// The words of an OpenAPI 3.1 document, as far as Pit uses them.

import assert from 'node:assert'

/** The keywords of JSON Schema that Pit's schemas are made of, and no others. */
export interface Schema {
  readonly $ref?: string
  readonly description?: string
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly dependentRequired?: Readonly<Record<string, readonly string[]>>
  readonly additionalProperties?: false
  readonly items?: Schema
  readonly enum?: readonly string[]
  readonly const?: string | number | boolean
  readonly format?: 'uuid' | 'date-time'
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
  readonly examples?: readonly unknown[]
}

export interface MediaType {
  readonly schema: Schema
  readonly example?: unknown
}

export interface ApiHeader {
  readonly description: string
  readonly schema: Schema
}

export interface ApiResponse {
  readonly description: string
  readonly headers?: Readonly<Record<string, ApiHeader>>
  /** By media type; absent: an answer without a body. */
  readonly content?: Readonly<Record<string, MediaType>>
}

/** Stands for a response of the document's components. */
export interface ResponseReference {
  readonly $ref: `#/components/responses/${string}`
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required?: boolean
  readonly description: string
  readonly schema: Schema
}

export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tags: readonly string[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: {
    readonly required: boolean
    readonly content: Readonly<Record<string, MediaType>>
  }
  /** By status code. */
  readonly responses: Readonly<Record<string, ApiResponse | ResponseReference>>
}

export interface ApiServer {
  /** The URL, its variables in braces. */
  readonly url: string
  readonly description: string
  readonly variables: Readonly<
    Record<string, { readonly default: string; readonly description: string }>
  >
}

/** Operations by method, in lower case; `servers` where they are not the document's. */
export interface PathItem {
  readonly servers?: readonly ApiServer[]
  readonly get?: Operation
  readonly post?: Operation
}

export interface ApiDocument {
  readonly openapi: '3.1.0'
  readonly info: {
    readonly title: string
    readonly version: string
    readonly description: string
    readonly license: { readonly name: string; readonly identifier: string }
  }
  /** What a client has to prove: nothing. */
  readonly security: readonly []
  readonly servers: readonly ApiServer[]
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    /** What many paths answer. */
    readonly responses: Readonly<Record<string, ApiResponse>>
  }
}

/** A response itself, where a reference stands for it. */
export function responseOf(
  api: ApiDocument,
  response: ApiResponse | ResponseReference,
): ApiResponse {
  if (!('$ref' in response)) return response
  const name = response.$ref.replace('#/components/responses/', '')
  const target = api.components.responses[name]
  assert(target, 'what the description refers to is in it')
  return target
}
