// A console's feed under a spec's control: messages as Pit sends them, in place of the stream of the
// Pit that serves the page.

import type { Page, WebSocketRoute } from 'playwright-core'
import type { Figures } from '../../src/console/figures.ts'
import { createSeconds, frameOf, type Frame } from '../../src/console/instances.ts'

export interface Feed {
  /** Awaits the page's connection, greets it, and sends it frames. */
  open(): Promise<void>
  send(frame: Frame): void
  /** Sends a frame and awaits that the page has drawn it. */
  show(frame: Frame): Promise<void>
  /** Ends the connection; the page makes another one. */
  breakOff(): Promise<void>
}

/** What a console says to each new viewer. */
export const HELLO = {
  type: 'hello',
  instanceId: 'spec-1',
  fees: { default: 0.05, fallback: 0.15 },
  inspected: 'off',
  hasProcessorBooks: true,
  simulators: 'off',
} as const

/** To be called before the page is opened. */
export async function feedBySpec(page: Page): Promise<Feed> {
  let latest: WebSocketRoute | undefined
  let onConnected: (() => void) | undefined
  await page.routeWebSocket('**/console/ws', (socket) => {
    latest = socket
    socket.send(JSON.stringify(HELLO))
    onConnected?.()
  })
  const send = (frame: Frame): void => latest?.send(JSON.stringify(frame))
  return {
    open: () =>
      new Promise((resolve) => {
        onConnected = resolve
        if (latest !== undefined) resolve()
      }),
    send,
    async show(frame) {
      const before = await page.evaluate<string>('String(document.body.dataset.frames)')
      send(frame)
      await becomesTrue(page, `String(document.body.dataset.frames) !== '${before}'`)
    },
    breakOff: async () => latest?.close(),
  }
}

/** Awaits a condition in a page whose policy forbids scripts in texts; gives up after a minute. */
export async function becomesTrue(page: Page, condition: string): Promise<void> {
  const isTrue = await page.evaluate<boolean>(`new Promise((resolve) => {
    const end = performance.now() + 60_000
    const read = () => {
      if (${condition}) resolve(true)
      else if (performance.now() > end) resolve(false)
      else setTimeout(read, 5)
    }
    read()
  })`)
  if (!isTrue) throw new Error(`the page never has ${condition}`)
}

/** Frames are sent twice a second. */
const FRAMES_PER_SECOND = 2

/** Epoch ms: 2026-11-27 10:00 UTC. */
const BEGIN = 1_795_773_600_000

const AMOUNT_CENTS = 1_990

export interface Flow {
  /** Payments a second, all settled at the cheaper processor. */
  readonly perSecond: number
  readonly frames: number
}

/** The frames of a Pit through which payments flow, as many as are asked for, oldest first. */
export function framesOf({ perSecond, frames }: Flow): readonly Frame[] {
  const seconds = createSeconds()
  return Array.from({ length: frames }, (_, index) => {
    const at = BEGIN + (index * 1000) / FRAMES_PER_SECOND
    const payments = Math.floor((index * perSecond) / FRAMES_PER_SECOND)
    const all = [figuresAfter(payments)]
    const totals = {
      payments,
      settled: {
        default: { payments, cents: AMOUNT_CENTS * payments },
        fallback: { payments: 0, cents: 0 },
      },
      rejected: 0,
    }
    const isWhole = index % FRAMES_PER_SECOND === 0
    if (isWhole) seconds.add(at, all, 0)
    const fresh = isWhole ? seconds.since(at - 1) : []
    const open = { parked: 0, owned: 0 }
    return frameOf(all, {
      at,
      seconds: fresh,
      events: [],
      books: null,
      broken: [],
      open,
      totals,
      staleSince: null,
    })
  })
}

/** The figures of an instance at which so many payments have been settled since its start. */
export function figuresAfter(payments: number): Figures {
  const nothing = { settled: 0, settledCents: 0, failedAttempts: 0 }
  const circuit = { state: 'closed', forMs: 60_000, cause: 'the start', failureRate: 0 } as const
  const times = { concurrencyLimit: 300, announcedMs: 0, calls: 400 }
  const inWork = payments % 17
  return {
    instanceId: HELLO.instanceId,
    startedAt: BEGIN - 60_000,
    state: 'accepting',
    accepted: payments,
    refused: 0,
    rejected: 0,
    parked: 0,
    processors: {
      default: { settled: payments, settledCents: AMOUNT_CENTS * payments, failedAttempts: 0 },
      fallback: nothing,
    },
    acceptMs: [[70, payments]],
    settleMs: [[90, payments]],
    gauges: {
      ready: payments % 5,
      inFlight: { default: inWork, fallback: 0 },
      byState: { tryingDefault: inWork },
    },
    transitions: { pending: { tryingDefault: payments }, tryingDefault: { settled: payments } },
    circuits: {
      default: { ...circuit, ...times, measuredMs: 3 + (payments % 7) / 10 },
      fallback: { ...circuit, ...times, measuredMs: 0 },
    },
  }
}
