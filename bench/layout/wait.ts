// Bounded waiting for something that can only be asked, not awaited.

import { connect } from 'node:net'

/** Pause between two questions, ms. */
const ASK_EVERY_MS = 25

/**
 * After this long nobody believes that it still comes, however slow the machine is, ms. No verdict
 * depends on it but the one that something never happens.
 */
export const GIVE_UP_MS = 120_000

/**
 * Asks until the answer is true. Rejects with a sentence naming `what` after `withinMs`, and at
 * once with what `probe` throws.
 */
export async function waitUntil(
  { what, withinMs = GIVE_UP_MS }: { readonly what: string; readonly withinMs?: number },
  probe: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`)
    await pause(ASK_EVERY_MS)
  }
}

/** Whether something listens on this port of the loopback. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1000 })
    const answer = (open: boolean): void => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => answer(true))
    socket.once('timeout', () => answer(false))
    socket.once('error', () => answer(false))
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
