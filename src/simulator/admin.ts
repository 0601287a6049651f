// /admin/*: the source's summaries, switches and purge, and for checkers the payments one by one,
// the counts of what came in, and the faults. All of it needs the token.

import type { HttpRequest, HttpResponse, WebApp } from '../server/web-server.ts'
import { type Answer, field, parseJson, readBody, Responder } from './responder.ts'
import { parseInstant, printCents, printFee } from './wire-format.ts'
import { FaultsInvalid, parseFaults } from './faults.ts'
import type { LedgerEntry, MicrosWindow } from './payment-ledger.ts'
import type { SimulatorState } from './state.ts'
import type { Switches } from './switches.ts'

/** Payments in each piece of the listing: some 60 KB, about a millisecond of work. */
const LINES_PER_CHUNK = 500

type Route = (responder: Responder, call: { res: HttpResponse; req: HttpRequest }) => void

/** Registers all routes below `/admin`. */
export function addAdminRoutes(app: WebApp, state: SimulatorState): void {
  const guarded = (route: Route) => guard(state, route)
  app.get(
    '/admin/payments-summary',
    guarded((responder, { req }) => summarize(state, responder, req)),
  )
  app.get(
    '/admin/payments',
    guarded((responder, { req }) => list(state, responder, req)),
  )
  app.get(
    '/admin/sends',
    guarded((responder) => answerJson(responder, state.sends.read())),
  )
  app.post(
    '/admin/purge-payments',
    guarded((responder) => {
      state.ledger.purge()
      answerJson(responder, { message: 'All payments purged.' })
    }),
  )
  app.get(
    '/admin/configurations/faults',
    guarded((responder) => answerJson(responder, state.switches.faults)),
  )
  for (const setting of ['delay', 'failure', 'token', 'faults'] as const) {
    app.put(`/admin/configurations/${setting}`, guarded(change(state, setting)))
  }
}

function guard(state: SimulatorState, route: Route) {
  return (res: HttpResponse, req: HttpRequest): void => {
    const responder = new Responder(res)
    if (req.getHeader('x-rinha-token') === state.switches.token) route(responder, { res, req })
    else responder.answer({ status: 401 })
  }
}

function change(state: SimulatorState, setting: Setting): Route {
  return (responder, { res }) => {
    readBody(res, responder, (text) => {
      responder.answer(readSetting(state.switches, setting, text))
    })
  }
}

function summarize(state: SimulatorState, responder: Responder, req: HttpRequest): void {
  const window = readWindow(req)
  if (!window) {
    responder.answer({ status: 400 })
    return
  }
  const { payments, cents } = state.ledger.summarize(window)
  const fields = [
    `"totalAmount":${printCents(cents)}`,
    `"totalRequests":${payments}`,
    `"totalFee":${printFee(cents, state.feeRate)}`,
    `"feePerTransaction":${state.feeRate}`,
  ]
  responder.answer({ status: 200, body: `{${fields.join(',')}}` })
}

/** One JSON object a line: id, amount in cents, and `requestedAt` in epoch ms (with decimals). */
function list(state: SimulatorState, responder: Responder, req: HttpRequest): void {
  const window = readWindow(req)
  if (window) responder.streamLines(chunks(state.ledger.entries(window)))
  else responder.answer({ status: 400 })
}

function* chunks(entries: Iterable<LedgerEntry>): Generator<string, void> {
  let lines = ''
  let count = 0
  for (const { correlationId, amountCents, requestedAtMicros } of entries) {
    const requestedAt = requestedAtMicros / 1000
    lines += `${JSON.stringify({ correlationId, amountCents, requestedAt })}\n`
    count += 1
    if (count % LINES_PER_CHUNK === 0) {
      yield lines
      lines = ''
    }
  }
  if (lines !== '') yield lines
}

/** `undefined` when a bound is there and is no instant. */
function readWindow(req: HttpRequest): MicrosWindow | undefined {
  const [from, to] = [readBound(req, 'from'), readBound(req, 'to')]
  return from === 'invalid' || to === 'invalid' ? undefined : { from, to }
}

function readBound(req: HttpRequest, name: string): number | 'invalid' | undefined {
  const text = req.getQuery(name)
  // An offset's plus sign may arrive as a space, as forms encode it.
  return text ? (parseInstant(text.replace(' ', '+')) ?? 'invalid') : undefined
}

function answerJson(responder: Responder, value: unknown): void {
  responder.answer({ status: 200, body: JSON.stringify(value) })
}

type Setting = 'delay' | 'failure' | 'token' | 'faults'

/** Longest delay that can be switched on, ms. */
const DELAY_MS_MAX = 600_000

/** Sets the value in the body, or answers 400 and sets nothing. */
function readSetting(switches: Switches, setting: Setting, text: string): Answer {
  const body = parseJson(text)
  switch (setting) {
    case 'delay':
      return setDelay(switches, field(body, 'delay'))
    case 'failure':
      return setFailure(switches, field(body, 'failure'))
    case 'token':
      return setToken(switches, field(body, 'token'))
    case 'faults':
      return setFaults(switches, body)
  }
}

function setDelay(switches: Switches, delay: unknown): Answer {
  if (!isDelay(delay)) return refuse(`delay must be a whole number from 0 to ${DELAY_MS_MAX}`)
  const was = switches.delayMs
  switches.delayMs = delay
  return confirm('delay', was, delay)
}

export function isDelay(delay: unknown): delay is number {
  return Number.isInteger(delay) && Number(delay) >= 0 && Number(delay) <= DELAY_MS_MAX
}

function setFailure(switches: Switches, failure: unknown): Answer {
  if (typeof failure !== 'boolean') return refuse('failure must be true or false')
  const was = switches.failure
  switches.failure = failure
  return confirm('failure', was, failure)
}

function setToken(switches: Switches, token: unknown): Answer {
  if (typeof token !== 'string' || token === '') return refuse('token must be a text')
  switches.token = token
  return { status: 204 }
}

function setFaults(switches: Switches, body: unknown): Answer {
  const was = switches.faults
  try {
    switches.faults = parseFaults(body)
  } catch (error) {
    if (error instanceof FaultsInvalid) return refuse(error.message)
    throw error
  }
  return confirm('faults', was, switches.faults)
}

function confirm(config: Setting, was: unknown, is: unknown): Answer {
  return { status: 200, body: JSON.stringify({ config, was, is }) }
}

function refuse(message: string): Answer {
  return { status: 400, body: JSON.stringify({ message }) }
}
