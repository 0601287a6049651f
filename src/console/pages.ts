// The console's pages, their files, and the JSON that they ask for.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { HttpRequest, HttpResponse, WebApp } from '../server/web-server.ts'
import type { Read } from '../actors/messages.ts'
import type { PaymentFinder } from '../actors/model/found-payments.ts'
import type { PaymentState, PaymentStatus } from '../actors/model/payment.ts'
import { queryPayments } from '../actors/supervisor/snapshot.ts'
import type { SupervisorActor } from '../actors/supervisor/supervisor.ts'
import { DAMAGED, json, methodNotAllowed, type Reply, UNAVAILABLE } from '../http/problem.ts'
import { Responder } from '../http/responder.ts'
import { projectFile } from '../infra/process/project-file.ts'
import type { Access } from './access.ts'
import { answer, type Answer, CONNECTIONS, FOREIGN, refusalReply } from './changes.ts'
import type { OnBug } from './contained.ts'
import type { Counters } from './figures.ts'
import { findPayments } from './payments-route.ts'
import type { FinalState } from './recent.ts'
import type { Sequences } from './sequences.ts'

interface RouteOptions {
  /** Gets each bug that left a request without its answer. */
  readonly onBug: OnBug
  readonly access: Access
  readonly supervisor: SupervisorActor
  readonly counters: Counters
  /** Undefined when inspection is off. */
  readonly sequences: Sequences | undefined
  readonly finder: PaymentFinder
}

/** Payments in one list. */
const LISTED_MAX = 200

export function addConsoleRoutes(app: WebApp, options: RouteOptions): void {
  const { onBug, access } = options
  const add = (path: string, read: Route['read'], more: Pick<Route, 'unseen'> = {}): void =>
    route(app, { path, read, access, onBug, ...more })
  const page = { unseen: signInPage }
  add('/', () => pageReply('index.html'), page)
  add('/console', () => pageReply('index.html'), page)
  add('/console/assets/:name', (request) => assetReply(request.getParameter(0) ?? ''), {
    unseen: (request) => signInAsset(request.getParameter(0) ?? ''),
  })
  add('/console/chart', chartReply)
  add('/console/states/:name', (request) => listReply(options, request.getParameter(0) ?? ''))
  add('/console/payments', (request) => findPayments(options.finder, request.getQuery() ?? ''))
  add('/console/payments/:id', (request) =>
    paymentReply(options, (request.getParameter(0) ?? '').toLowerCase()),
  )
}

export interface Route {
  readonly path: string
  /** Takes what it needs from the request before it waits for anything; undefined becomes 404. */
  readonly read: (request: HttpRequest) => Answer
  /** What is shown to who may see nothing; absent, or undefined: a problem that says so. */
  readonly unseen?: (request: HttpRequest) => Answer
  readonly access: Access
  /** Gets each bug that left a request without its answer. */
  readonly onBug: OnBug
}

/** Adds a page or an answer, for the console's own pages and for who may see them. */
export function route(app: WebApp, { path, read, unseen, access, onBug }: Route): void {
  app.any(path, (response: HttpResponse, request: HttpRequest) => {
    const responder = new Responder(response, request.getMethod(), CONNECTIONS)
    const respond = (give: (request: HttpRequest) => Answer): void =>
      void answer(
        responder,
        () => give(request),
        (error) => onBug(path, error),
      )
    if (access.isForeign(request)) return responder.answer(FOREIGN)
    if (!['get', 'head'].includes(request.getMethod())) return responder.answer(READ_ONLY)
    const judged = access.visit(request)
    if ('by' in judged) respond(read)
    else respond(async (asked) => (await unseen?.(asked)) ?? refusalReply(judged))
  })
}

const READ_ONLY = methodNotAllowed(['GET', 'HEAD'])

/** A page with nothing of Pit's on it. */
async function signInPage(): Promise<Reply> {
  return { ...(await pageReply('sign-in.html')), status: '401 Unauthorized' }
}

/** What that page needs. */
const SIGN_IN_ASSETS: readonly string[] = ['sign-in.js', 'console.css', 'pit.svg']

async function signInAsset(name: string): Promise<Reply | undefined> {
  return SIGN_IN_ASSETS.includes(name) ? assetReply(name) : undefined
}

/** Loaded when it is first asked for: what draws charts takes memory that payments could use. */
async function chartReply(): Promise<Reply> {
  const { paymentChart } = await import('./chart.ts')
  return json(JSON.stringify(paymentChart()))
}

function listReply({ supervisor, counters }: RouteOptions, state: string): Reply | undefined {
  if (isFinal(state))
    return json(JSON.stringify({ state, left: counters.recentPayments.list(state) }))
  if (!isLiving(state)) return undefined
  const here = queryPayments(supervisor, { state, limit: LISTED_MAX })
  return json(JSON.stringify({ state, here }))
}

/** Where the payments of a state are listed from. The compiler asks for a new state. */
const LISTED: Readonly<
  Record<Exclude<PaymentState, FinalState>, 'living'> & Record<FinalState, 'final'>
> = {
  pending: 'living',
  tryingDefault: 'living',
  tryingFallback: 'living',
  confirming: 'living',
  retry: 'living',
  settled: 'final',
  rejected: 'final',
  parked: 'final',
}

function isFinal(state: string): state is FinalState {
  return isListed(state) && LISTED[state] === 'final'
}

function isLiving(state: string): state is PaymentState {
  return isListed(state) && LISTED[state] === 'living'
}

function isListed(state: string): state is PaymentState {
  return Object.hasOwn(LISTED, state)
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
  if (paymentStatus.kind === 'damaged') return DAMAGED
  if (paymentStatus.kind === 'unavailable') return UNAVAILABLE
  const messages = sequences?.messagesOf(correlationId) ?? null
  return json(
    JSON.stringify({
      paymentStatus: paymentStatus.value,
      messages,
      inspects: sequences !== undefined,
    }),
  )
}

/** Media types by the end of a file's name. */
const MEDIA_TYPES = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
} as const

/** Files of packages, by the name under which the page asks for them. */
const LIBRARIES: ReadonlyMap<string, Library> = new Map([
  ['viz.js', ['@viz-js/viz', 'viz.js']],
  ['uplot.js', ['uplot', 'uPlot.esm.js']],
  ['uplot.css', ['uplot', 'uPlot.min.css']],
])

type Library = readonly [packageName: string, path: string]

/** Folder of the page's own files, in the project. */
const PAGE = 'src/console/page'

/** Only our own files, and no inline scripts; Graphviz is WebAssembly. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
]

interface PageOptions {
  /** An origin that the page may show in a frame. */
  readonly frames?: string
}

/** A page of the folder. Rejects when the file is missing, which is a broken installation. */
export async function pageReply(name: string, { frames }: PageOptions = {}): Promise<Reply> {
  const policy = frames === undefined ? POLICY : [...POLICY, `frame-src ${frames}`]
  const body = await readFile(projectFile(`${PAGE}/${name}`), 'utf8')
  return reply('html', body, [
    ['Content-Security-Policy', policy.join('; ')],
    ['Referrer-Policy', 'no-referrer'],
  ])
}

/** A script, a style sheet or a picture; undefined for any other name. */
async function assetReply(name: string): Promise<Reply | undefined> {
  const kind = kindOf(name)
  if (kind === undefined) return undefined
  const library = LIBRARIES.get(name)
  const path = library === undefined ? projectFile(`${PAGE}/${name}`) : libraryPath(library)
  const body = await readFile(path, 'utf8').catch(missing)
  return body === undefined ? undefined : reply(kind, body, [])
}

/** Undefined for a name that leads out of the folder, or to a file of another kind. */
function kindOf(name: string): 'js' | 'css' | 'svg' | undefined {
  if (!/^[\w-]+\.\w+$/.test(name)) return undefined
  return (['js', 'css', 'svg'] as const).find((kind) => name.endsWith(`.${kind}`))
}

function libraryPath([packageName, file]: Library): string {
  // The entry of each package is in the same folder as these files, wherever npm has put it.
  return join(dirname(createRequire(import.meta.url).resolve(packageName)), file)
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

function reply(kind: keyof typeof MEDIA_TYPES, body: string, headers: Reply['headers']): Reply {
  return {
    status: '200 OK',
    headers: [
      ['Content-Type', MEDIA_TYPES[kind]],
      ['X-Content-Type-Options', 'nosniff'],
      ['Cache-Control', 'no-cache'],
      ...headers,
    ],
    body,
  }
}
