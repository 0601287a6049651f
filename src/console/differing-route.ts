// The payments in which books differ, for the page: one search at a time, whoever asks, whose
// findings are read while it goes on.

import type { HttpRequest, WebApp } from '../server/web-server.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import { problem, type Reply } from '../http/problem.ts'
import type { DifferingItem, DifferingSearch } from '../operator/differing-payments.ts'
import { BooksUnreachable } from '../operator/failures.ts'
import type { Access } from './access.ts'
import { privateJson } from './changes.ts'
import type { OnBug } from './contained.ts'
import { route } from './pages.ts'

export interface DifferingOptions {
  /** Absent without a token for the processors' books. */
  readonly search: DifferingSearch | undefined
  /** What the page compares, epoch ms, and the hours in it whose rows do not add up. */
  readonly compared: () => {
    readonly from: number
    readonly to: number
    readonly hours: readonly number[]
  }
  /** Monotonic, ms. */
  readonly now: () => number
  readonly access: Access
  readonly onBug: OnBug
}

interface Run {
  readonly run: number
  readonly processor: ProcessorName
  readonly from: number
  readonly to: number
  readonly found: DifferingItem[]
  state: 'running' | 'whole' | 'cut' | 'failed'
  /** Why it has failed. */
  why?: string
  /** Monotonic, ms. */
  endedAt: number
}

/** Payments and sentences of one search. */
const FOUND_MAX = 200

/** Who asks so soon after a search gets what it has found, ms. */
const FRESH_MS = 10_000

/**
 * `GET /console/books/{processor}` begins a search and answers what it has found so far; with `run`
 * it goes on reading that one, and never begins another.
 */
export function addDifferingRoute(app: WebApp, options: DifferingOptions): void {
  const { access, onBug } = options
  const runs = createRuns(options)
  const read = (request: HttpRequest): Reply | undefined => {
    const name = request.getParameter(0)
    if (name !== 'default' && name !== 'fallback') return undefined
    return runs(name, request.getQuery('run'))
  }
  route(app, { path: '/console/books/:name', read, access, onBug })
}

function createRuns({ search, compared, now, onBug }: DifferingOptions) {
  const latest = new Map<ProcessorName, Run>()
  let numbers = 0

  const begin = (processor: ProcessorName, searchIn: DifferingSearch): Run => {
    const { hours, ...span } = compared()
    numbers += 1
    const started: Run = {
      run: numbers,
      processor,
      ...span,
      found: [],
      state: 'running',
      endedAt: Infinity,
    }
    latest.set(processor, started)
    const tell = (item: DifferingItem): void => {
      if (started.found.length < FOUND_MAX) started.found.push(item)
    }
    const end = (state: Run['state']): void => {
      started.state = started.found.length < FOUND_MAX ? state : 'cut'
      started.endedAt = now()
    }
    searchIn(processor, { span, hours, tell }).then(end, (error: unknown) => {
      started.why = error instanceof BooksUnreachable ? error.message : 'A bug has ended it.'
      started.endedAt = now()
      started.state = 'failed'
      if (!(error instanceof BooksUnreachable)) onBug('differing payments', error)
    })
    return started
  }
  return (processor: ProcessorName, run: string | undefined): Reply => {
    if (search === undefined) return NO_TOKEN
    const known = latest.get(processor)
    if (run !== undefined) return String(known?.run) === run && known ? shown(known) : GONE
    if (known && now() - known.endedAt < FRESH_MS) return shown(known)
    const busy = [...latest.values()].find(({ state }) => state === 'running')
    if (busy === undefined) return shown(begin(processor, search))
    return busy.processor === processor ? shown(busy) : BUSY
  }
}

function shown({ run, processor, from, to, found, state, why }: Run): Reply {
  return privateJson({ run, processor, from, to, found, state, why })
}

const NO_TOKEN = problem({
  status: 409,
  detail: 'Without PROCESSOR_TOKEN Pit cannot ask processors for their books.',
})
const BUSY = problem({
  status: 409,
  detail:
    'The books of the other processor are being searched: one search at a time, so that processors keep to payments. This one begins after it.',
})
const GONE = problem({
  status: 404,
  detail: 'Another search has taken the place of this one: open the books again.',
})
