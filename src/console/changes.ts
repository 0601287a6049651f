// Requests to the console that change something: POSTs of JSON, which no page of another site can
// send, from those who may operate.

import type { HttpRequest, HttpResponse, WebApp } from '../server/web-server.ts'
import { LOOPBACK, type AccessRefusal, type Operator } from '../actors/model/operator.ts'
import { json, NOT_FOUND, problem, type Reply } from '../http/problem.ts'
import { framingOf, onceEnded, readBody } from '../http/request/body.ts'
import { type ReplyInPieces, Responder } from '../http/responder.ts'
import type { Access, Judged } from './access.ts'
import type { OnBug } from './contained.ts'

type Answered = Reply | ReplyInPieces | undefined

/** Undefined becomes 404. */
export type Answer = Answered | Promise<Answered>

export interface Call {
  readonly by: Operator
  /** How it came: from a page, which always names its origin, or from a program. */
  readonly via: 'console' | 'cli'
  /** What was posted; undefined for an empty body. */
  readonly body: unknown
  /** What stood in the places of the path's names. */
  readonly parameters: readonly string[]
}

export interface Change {
  readonly path: string
  readonly act: (call: Call) => Answer
  readonly access: Access
  /** Gets each bug that left a request without its answer. */
  readonly onBug: OnBug
}

/** Adds what operators may change. */
export function addChange(app: WebApp, { path, act, access, onBug }: Change): void {
  const names = path.split('/').filter((part) => part.startsWith(':'))
  post(app, path, {
    onBug,
    judge: (request) => {
      const judged = access.change(request)
      if ('refused' in judged) return refusalReply(judged)
      const parameters = names.map((_, index) => request.getParameter(index) ?? '')
      const via = request.getHeader('origin') === '' ? 'cli' : 'console'
      return (body) => act({ by: judged.by, via, body, parameters })
    },
    access,
  })
}

/** What is to be done with the body, or the answer to a request whose body is of no interest. */
type Judge = (request: HttpRequest) => Reply | ((body: unknown) => Answer)

interface Post {
  readonly judge: Judge
  readonly access: Access
  readonly onBug: OnBug
}

/** Longest body, bytes: a command with its reason. */
const BODY_BYTES_MAX = 16_384

/** Adds a POST of JSON, which comes from no other site. */
export function post(app: WebApp, path: string, { judge, access, onBug }: Post): void {
  app.post(path, (response: HttpResponse, request: HttpRequest) => {
    const responder = new Responder(response, request.getMethod(), CONNECTIONS)
    const framing = framingOf(request)
    const refuse = (reply: Reply): void => responder.answerAndClose(reply)
    if (framing === 'unclear') return refuse(UNCLEAR)
    if (access.isForeign(request)) return refuse(FOREIGN)
    if (!/^application\/json\b/i.test(request.getHeader('content-type'))) return refuse(NOT_JSON)
    const judged = judge(request)
    if (typeof judged !== 'function') return refuse(judged)
    const onWhole = (bytes: Buffer): void => {
      const parsed = parse(bytes)
      const answered = (): void => void answer(responder, () => judged(parsed?.value), onError)
      if (parsed === undefined) responder.answer(NOT_JSON_TEXT)
      else if (framing === 'chunked') onceEnded(responder, answered)
      else answered()
    }
    const onError = (error: unknown): void => onBug(path, error)
    readBody(response, { bytesMax: BODY_BYTES_MAX, onWhole, onTooLarge: () => refuse(TOO_LARGE) })
  })
}

/** The operators' port never drains: it closes all connections at once when it stops. */
export const CONNECTIONS = { draining: false }

/** Answers by itself, whatever happens. */
export async function answer(
  responder: Responder,
  read: () => Answer,
  onError: (error: unknown) => void,
): Promise<void> {
  try {
    const reply = (await read()) ?? NOT_FOUND
    if ('pieces' in reply) await responder.answerInPieces(reply)
    else responder.answer(reply)
  } catch (error) {
    // Also a missing file of the installation: it must not end a process that takes payments.
    onError(error)
    responder.answer(BROKEN)
  }
}

/** Why a request was not carried out. */
export function refusalReply({ refused, whose }: Refused): Reply {
  return refused === 'scope' && whose?.name === LOOPBACK ? NO_KEYS : REFUSALS[refused]
}

type Refused = Extract<Judged, { readonly refused: AccessRefusal }>

/** The value of an empty body is undefined. */
function parse(bytes: Buffer): { readonly value: unknown } | undefined {
  if (bytes.length === 0) return { value: undefined }
  try {
    return { value: JSON.parse(bytes.toString('utf8')) }
  } catch {
    return undefined
  }
}

/** A reply that no cache keeps, and that may carry a cookie. */
export function privateJson(value: unknown, cookie?: string): Reply {
  const reply = json(JSON.stringify(value))
  const cookies = cookie === undefined ? [] : [['Set-Cookie', cookie] as const]
  return { ...reply, headers: [...reply.headers, ['Cache-Control', 'no-store'], ...cookies] }
}

const BROKEN = problem({ status: 500, detail: 'This page of the console could not be read.' })
const UNCLEAR = problem({ status: 400, detail: 'The request does not say plainly where it ends.' })
const TOO_LARGE = problem({ status: 413, detail: `A body has ${BODY_BYTES_MAX} bytes at most.` })
const NOT_JSON_TEXT = problem({ status: 400, detail: 'The body is not JSON.' })
const NOT_JSON = problem({
  status: 415,
  detail: 'What changes something is posted as application/json.',
})

export const FOREIGN = problem({
  status: 403,
  type: 'urn:pit:problem:foreign-page',
  detail:
    'The console answers its own pages only; without KEYS_FILE under an address, a name without dots or one that ends in .localhost.',
})

/** The only scheme that a program can use. */
const BY_KEY = [['WWW-Authenticate', 'Bearer realm="pit"']] as const

const NO_KEY = problem({
  status: 401,
  type: 'urn:pit:problem:no-key',
  detail: 'Sign in with a key, or send it as a bearer token.',
  headers: BY_KEY,
})
const UNKNOWN_KEY = problem({
  status: 401,
  type: 'urn:pit:problem:unknown-key',
  detail: 'KEYS_FILE has no such key.',
  headers: BY_KEY,
})
const STALE = problem({
  status: 403,
  type: 'urn:pit:problem:stale-page',
  detail: 'This page is of an earlier process or session: load it again.',
})
const NO_SCOPE = problem({
  status: 403,
  type: 'urn:pit:problem:scope',
  detail: 'This key may only look: commands take one with the scope operate.',
})
const REFUSALS: Readonly<Record<AccessRefusal, Reply>> = {
  foreign: FOREIGN,
  noKey: NO_KEY,
  unknownKey: UNKNOWN_KEY,
  scope: NO_SCOPE,
  stale: STALE,
}

const NO_KEYS = problem({
  status: 403,
  type: 'urn:pit:problem:scope',
  detail:
    'Without KEYS_FILE commands are taken only where OPS_HOST is this machine alone: pit keys new makes a key for that file, and docs/CLI.md says more.',
})
