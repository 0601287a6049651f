// Questions to a running Pit over HTTP, each answered within a bound; and which of its two ports
// was asked.

import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { PitUnreachable } from '../operator/failures.ts'
import { escaped } from '../operator/free-text.ts'

export interface HttpAnswer {
  readonly status: number
  readonly body: string
  /** As its `Date` header has it, whole seconds, epoch ms; NaN without one. */
  readonly at: number
}

export interface HttpQuestion {
  /** Base, without a slash at its end; or `unix:` and the path of a socket. */
  readonly url: string
  readonly path: string
  /** JSON, to be posted; absent: a GET. */
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Bound on the answer, ms; `ANSWER_MAX_MS` when absent. */
  readonly answerMaxMs?: number
}

/** Bound on one answer, ms: longer than a commit may take. */
const ANSWER_MAX_MS = 5_000

/** Rejects with `PitUnreachable`. */
export async function askPit(question: HttpQuestion): Promise<HttpAnswer> {
  try {
    return await askOverHttp(question)
  } catch (cause) {
    throw new PitUnreachable(`${question.url} gives ${whyNoAnswer(cause)}`, { cause })
  }
}

/** Follows no redirect. Rejects with what `fetch` or a socket throws. */
export async function askOverHttp(question: HttpQuestion): Promise<HttpAnswer> {
  const { url, path, body, headers, answerMaxMs = ANSWER_MAX_MS } = question
  const socketPath = socketIn(url)
  if (socketPath !== undefined) return await askSocket(socketPath, question)
  const answer = await fetch(url + path, {
    ...(body === undefined ? { headers: headers ?? {} } : { ...posting(headers), body }),
    redirect: 'manual',
    signal: AbortSignal.timeout(answerMaxMs),
  })
  const at = Date.parse(answer.headers.get('date') ?? '')
  return { status: answer.status, body: await answer.text(), at }
}

/** The path of a socket, where the URL names one. */
export function socketIn(url: string): string | undefined {
  return url.startsWith('unix:/') ? url.slice('unix:'.length) : undefined
}

function posting(headers: HttpQuestion['headers']): { method: string; headers: HttpHeaders } {
  return { method: 'POST', headers: { 'content-type': 'application/json', ...headers } }
}

type HttpHeaders = Readonly<Record<string, string>>

/** `fetch` reaches no socket. */
async function askSocket(
  socketPath: string,
  { path, body, headers = {}, answerMaxMs = ANSWER_MAX_MS }: HttpQuestion,
): Promise<HttpAnswer> {
  const signal = AbortSignal.timeout(answerMaxMs)
  const how = body === undefined ? { headers } : posting(headers)
  return await new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, signal, agent: false, ...how }, (answer) => {
      const at = Date.parse(answer.headers.date ?? '')
      const status = answer.statusCode ?? 0
      text(answer).then((all) => resolve({ status, body: all, at }), reject)
    })
    asked.once('error', reject).end(body)
  })
}

/** Half a sentence from what `fetch` threw. */
export function whyNoAnswer(error: unknown): string {
  const { cause = error } = error instanceof Error ? error : {}
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') {
    return `no answer: ${cause.code}`
  }
  return 'no answer'
}

export const CLIENTS_CALL = 'that is not where clients call: they call PORT, 9999 unless it is set'
export const OPERATORS_CALL =
  'that is not where operators call: they call OPS_PORT, 9998 unless it is set'

/** Whether clients call there: no other port answers so to an id that is none. */
export async function isClientsPort(url: string): Promise<boolean> {
  const { status, body } = await askPit({ url, path: '/payments/0' })
  return status === 400 && readFields(body)?.['type'] === 'urn:pit:problem:invalid-payment'
}

export type Fields = Readonly<Record<string, unknown>>

/** Undefined when the text is no JSON object. */
export function readFields(text: string): Fields | undefined {
  try {
    return asFields(JSON.parse(text))
  } catch {
    return undefined
  }
}

export function asFields(value: unknown): Fields | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.fromEntries(Object.entries(value))
}

/** What an answer that is a problem says, else its status. */
export function detailOf({ status, body }: Pick<HttpAnswer, 'status' | 'body'>): string {
  const detail = readFields(body)?.['detail']
  return typeof detail === 'string' ? `${status}: ${escaped(detail)}` : `HTTP ${status}`
}
