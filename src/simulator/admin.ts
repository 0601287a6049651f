// /admin/*: summaries, switches and the purge of the source, and for checkers the payments one by
// one, the counts of what came in, and the faults. All behind the token.

import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js'
import { readSetting, type Setting } from './admin-settings.ts'
import { readBody } from './body.ts'
import { printCents, printFee } from './decimal.ts'
import { Responder } from './responder.ts'
import { parseInstant } from './instant.ts'
import type { LedgerEntry, MicrosWindow } from './payment-ledger.ts'
import type { SimulatorState } from './state.ts'

/** Payments in each piece of the listing: some 60 KB, about a millisecond of work. */
const LINES_PER_CHUNK = 500

type Route = (responder: Responder, call: { res: HttpResponse; req: HttpRequest }) => void

/** Registers all routes below `/admin`. */
export function addAdminRoutes(app: TemplatedApp, state: SimulatorState): void {
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
    guarded((responder) => answerJson(responder, state.tally.read())),
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
  // An offset's plus sign may have come as a space, as URLs have it.
  return text ? (parseInstant(text.replace(' ', '+')) ?? 'invalid') : undefined
}

function answerJson(responder: Responder, value: unknown): void {
  responder.answer({ status: 200, body: JSON.stringify(value) })
}
