// Plays scripts over raw connections of one client, one script at a time.

import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Target } from '../../bench/load/target.ts'
import { AnswerReader } from './answers.ts'
import type { Script } from './script.ts'

export interface Played {
  readonly statuses: readonly number[]
  /**
   * `answered`: all answers came; `closed`: the connection was closed before; `left`: the client
   * vanished; `stuck`: neither an answer nor an end; `unheard`: there was no connection, or one
   * from before that closed while it was idle.
   */
  readonly end: 'answered' | 'closed' | 'left' | 'stuck' | 'unheard'
}

/** Longest wait for an answer or an end, ms: above the 10 s in which a stalled request is cut. */
const PATIENCE_MS = 20_000

/** What is told 503, or not heard, is done again up to so often, as an honest client would, so long apart, ms. */
const TRIES_MAX = 5
const RETRY_AFTER_MS = 500

/** Whatever always gets a 503 is at fault itself; who gets one now and then met a busy machine. */
export async function insist(
  play: () => Promise<Played>,
  onPostponed: () => void,
): Promise<Played> {
  for (let tries = 1; ; tries += 1) {
    const played = await play()
    const isHeard = played.end !== 'unheard' && !played.statuses.includes(503)
    if (isHeard || tries === TRIES_MAX) return played
    onPostponed()
    await pause(RETRY_AFTER_MS * tries)
  }
}

export function open(target: Target): Socket {
  const socket =
    'socketPath' in target
      ? connect({ path: target.socketPath })
      : connect({ host: target.host, port: target.port, noDelay: true })
  // Whatever goes wrong ends in `close`.
  socket.on('error', () => undefined)
  return socket
}

export class Wire {
  readonly #target: Target
  #socket: Socket | undefined

  constructor(target: Target) {
    this.#target = target
  }

  /** Never rejects. */
  play(script: Script): Promise<Played> {
    const isFresh = this.#socket === undefined
    const socket = this.#socket ?? open(this.#target)
    this.#socket = undefined
    const reader = new AnswerReader(script.asks)
    return new Promise((resolve) => {
      const finish = (end: Played['end']): void => {
        clearTimeout(timer)
        socket.off('data', read)
        socket.off('close', lose)
        const isGood = end === 'answered' && !reader.isLast && !reader.isPartial
        if (isGood && script.finish === 'read' && !socket.destroyed) this.#socket = socket
        else socket.destroy()
        resolve({ statuses: reader.statuses, end })
      }
      const readBefore = socket.bytesRead
      let hasConnected = false
      if (isFresh) {
        socket.once('connect', () => {
          hasConnected = true
        })
      }
      const isWhole = (): boolean => reader.statuses.length >= script.answers
      const read = (bytes: Buffer): void => {
        reader.push(bytes)
        if (isWhole()) finish('answered')
      }
      const lose = (): void => {
        const isUnheard = socket.bytesRead === readBefore && (!isFresh || !hasConnected)
        finish(isWhole() ? 'answered' : isUnheard ? 'unheard' : 'closed')
      }
      const timer = setTimeout(() => finish('stuck'), PATIENCE_MS)
      socket.on('data', read)
      socket.on('close', lose)
      if (script.finish === 'read') socket.write(script.bytes)
      else if (script.finish === 'end') socket.end(script.bytes)
      else socket.write(script.bytes, () => finish('left'))
    })
  }

  close(): void {
    this.#socket?.destroy()
  }
}
