// The console's pages and what they ask for.

import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js'
import type { Read } from '../actors/messages.ts'
import { queryPayments } from '../actors/supervisor/snapshot.ts'
import type { PaymentState, PaymentStatus } from '../actors/model/payment.ts'
import type { SupervisorActor } from '../actors/supervisor/supervisor.ts'
import { Responder } from '../http/responder.ts'
import { json, NOT_FOUND, problem, UNAVAILABLE, type Reply } from '../http/problem.ts'
import { assetReply, pageReply } from './assets.ts'
import { isOurOwn } from './origin-check.ts'
import type { FinalState } from './recent.ts'
import type { Sequences } from './sequences.ts'
import type { Tally } from './tally.ts'

export interface RouteOptions {
  readonly supervisor: SupervisorActor
  readonly tally: Tally
  /** Undefined when inspection is off. */
  readonly sequences: Sequences | undefined
}

/** Payments in one list. */
const LISTED_MAX = 200

export function addConsoleRoutes(app: TemplatedApp, options: RouteOptions): void {
  route(app, '/', () => pageReply('index.html'))
  route(app, '/console', () => pageReply('index.html'))
  route(app, '/console/assets/:name', (request) => assetReply(request.getParameter(0) ?? ''))
  route(app, '/console/chart', chartReply)
  route(app, '/console/payments', (request) => listReply(options, request.getQuery('state') ?? ''))
  route(app, '/console/payments/:id', (request) =>
    paymentReply(options, (request.getParameter(0) ?? '').toLowerCase()),
  )
}

type Answer = Reply | undefined | Promise<Reply | undefined>

/** `read` takes what it needs from the request before it waits for anything. */
export function route(
  app: TemplatedApp,
  path: string,
  read: (request: HttpRequest) => Answer,
): void {
  app.get(path, (response: HttpResponse, request: HttpRequest) => {
    const responder = new Responder(response, 'get', STAYING)
    if (!isOurOwn(request)) responder.answer(FOREIGN)
    else void answer(responder, read(request))
  })
}

/** The operators' port closes all connections at once when it stops. */
const STAYING = { draining: false }

async function answer(responder: Responder, reply: Answer): Promise<void> {
  try {
    responder.answer((await reply) ?? NOT_FOUND)
  } catch {
    // A missing file of the installation must not end a process that takes payments.
    responder.answer(BROKEN)
  }
}

const BROKEN = problem({ status: 500, detail: 'This page of the console could not be read.' })

const FOREIGN = problem({
  status: 403,
  detail: 'The console answers its own pages only, under an address or a name without dots.',
})

/** Loaded when somebody looks: what draws charts takes memory that payments could use. */
async function chartReply(): Promise<Reply> {
  const { paymentChart } = await import('./chart.ts')
  return json(JSON.stringify(paymentChart()))
}

function listReply({ supervisor, tally }: RouteOptions, state: string): Reply | undefined {
  if (isFinal(state)) return json(JSON.stringify({ state, left: tally.recent.list(state) }))
  if (!isLiving(state)) return undefined
  const here = queryPayments(supervisor, { state, limit: LISTED_MAX })
  return json(JSON.stringify({ state, here }))
}

const FINAL: readonly string[] = ['settled', 'rejected', 'parked'] satisfies FinalState[]
const LIVING: readonly string[] = [
  'pending',
  'tryingDefault',
  'tryingFallback',
  'confirming',
  'retry',
] satisfies PaymentState[]

function isFinal(state: string): state is FinalState {
  return FINAL.includes(state)
}

function isLiving(state: string): state is PaymentState {
  return LIVING.includes(state)
}

async function paymentReply(
  { supervisor, sequences }: RouteOptions,
  correlationId: string,
): Promise<Reply | undefined> {
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(correlationId)) return undefined
  const paymentStatus = await new Promise<Read<PaymentStatus>>((replyTo) => {
    supervisor.send({ type: 'payment.requested', correlationId, replyTo })
  })
  if (paymentStatus.kind === 'missing') return undefined
  if (paymentStatus.kind === 'unavailable') return UNAVAILABLE
  const messages = sequences?.messagesOf(correlationId) ?? null
  return json(
    JSON.stringify({
      paymentStatus: paymentStatus.value,
      messages,
      inspected: sequences !== undefined,
    }),
  )
}
