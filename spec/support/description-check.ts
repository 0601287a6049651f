// Sends requests to running servers and compares each answer with the API's description.

import { Client } from 'undici'
import type { Test } from 'tap'
import {
  responseOf,
  type ApiDocument,
  type ApiResponse,
  type Operation,
} from '../../src/http/openapi/document.ts'
import { schemaFaults } from './json-schema.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

export interface ApiRequest {
  /** As the description has it, with its parameters in braces. */
  readonly path: string
  /** What stands for the parameters; the path itself when there are none. */
  readonly at?: string
  readonly method?: Method
  readonly body?: string
  readonly type?: string
  /** The request's host; its client's own when absent. */
  readonly host?: string
}

type Method = 'GET' | 'POST'

export interface DescriptionCheck {
  /**
   * Sends a request, and fails the test unless its answer is described and is as described. A
   * method that the path does not list is described by the one that it does.
   */
  ask(t: Test, client: Client, request: ApiRequest): Promise<Answer>
  /** Described answers that no request has received yet, as `GET /path 200`. */
  missing(): readonly string[]
}

/** A client that keeps one connection, closed at the test's end. */
export function openClient(t: Test, port: number): Client {
  const client = new Client(`http://127.0.0.1:${port}`)
  t.teardown(() => client.destroy())
  return client
}

export function createDescriptionCheck(api: ApiDocument): DescriptionCheck {
  const received = new Set<string>()
  return {
    async ask(t, client, request) {
      const answer = await send(client, request)
      const { path, method = 'GET' } = request
      const [listed, operation] = operationOf(api, path, method) ?? [method]
      const name = `${listed} ${path} ${answer.status}`
      received.add(name)
      const response = operation?.responses[answer.status]
      if (response === undefined) t.fail(`${name} is not described: ${answer.text}`)
      else t.same(answerFaults(api, responseOf(api, response), answer), [], name)
      t.equal(answer.status === 405, listed !== method, `${name} to ${method}`)
      return answer
    },
    missing: () => describedAnswers(api).filter((name) => !received.has(name)),
  }
}

/** What is wrong with an answer, by its description; empty: nothing. */
export function answerFaults(
  api: ApiDocument,
  response: ApiResponse,
  { headers, text }: Answer,
): readonly string[] {
  const missing = Object.keys(response.headers ?? {}).filter(
    (name) => headers[name.toLowerCase()] === undefined,
  )
  if (response.content === undefined) return text === '' ? missing : [...missing, 'has a body']
  const type = String(headers['content-type']).split(';')[0] ?? ''
  const schema = response.content[type]?.schema
  if (schema === undefined) return [...missing, `${type} is not described`]
  const value: unknown = type.endsWith('json') ? JSON.parse(text) : text
  return [...missing, ...schemaFaults(api, schema, value)]
}

async function send(client: Client, request: ApiRequest): Promise<Answer> {
  const { path, at = path, method = 'GET', body, type = 'application/json', host } = request
  const headers = {
    ...(body === undefined ? {} : { 'content-type': type }),
    ...(host === undefined ? {} : { host }),
  }
  const content = body === undefined ? {} : { body }
  const answer = await client.request({ method, path: at, headers, ...content })
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
}

function operationOf(
  api: ApiDocument,
  path: string,
  method: Method,
): readonly [Method, Operation] | undefined {
  const { get, post } = api.paths[path] ?? {}
  const isPost = post !== undefined && (method === 'POST' || get === undefined)
  if (isPost) return ['POST', post]
  return get === undefined ? undefined : ['GET', get]
}

function describedAnswers(api: ApiDocument): readonly string[] {
  return Object.entries(api.paths).flatMap(([path, { get, post }]) =>
    Object.entries({ GET: get, POST: post }).flatMap(([method, operation]) =>
      Object.keys(operation?.responses ?? {}).map((status) => `${method} ${path} ${status}`),
    ),
  )
}
