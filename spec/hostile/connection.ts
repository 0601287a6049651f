// Sends payloads over raw connections of one client, one at a time, and reads the statuses of answers
// however they are cut into pieces.

import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Target } from '../../bench/load/target.ts'
import type { Payload } from './payload.ts'

const HEAD_END = Buffer.from('\r\n\r\n')
const STATUS = /^HTTP\/1\.1 (\d{3})/
const LENGTH = /\r\ncontent-length: *(\d{1,9}) *(?:\r\n|$)/i
const CHUNKED = /\r\ntransfer-encoding:/i
const CLOSE = /\r\nconnection: *close/i
const CHUNKS_END = Buffer.from('0\r\n\r\n')

export class AnswerReader {
  /** Statuses of the whole answers so far, in their order; -1 for what is no answer. */
  readonly statuses: number[] = []
  /** Whether the other side means to close the connection. */
  isLast = false
  readonly #asks: 'bodies' | 'head'
  #held: Buffer = Buffer.alloc(0)

  /** @param asks `head`: answers have no bodies, whatever length they tell. */
  constructor(asks: 'bodies' | 'head') {
    this.#asks = asks
  }

  /** Whether bytes are left over that are no whole answer. */
  get isPartial(): boolean {
    return this.#held.length > 0
  }

  push(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    while (this.#held.length > 0 && this.#readOne());
  }

  #readOne(): boolean {
    const headEnd = this.#held.indexOf(HEAD_END)
    if (headEnd < 0) return false
    const head = this.#held.toString('latin1', 0, headEnd)
    const status = Number(STATUS.exec(head)?.[1] ?? -1)
    const end = status < 0 ? this.#held.length : this.#endOf(head, headEnd + HEAD_END.length)
    if (end === undefined || this.#held.length < end) return false
    this.#held = this.#held.subarray(end)
    // 100 Continue is a preface.
    if (status < 0 || status >= 200) this.statuses.push(status)
    this.isLast ||= CLOSE.test(head)
    return true
  }

  #endOf(head: string, bodyAt: number): number | undefined {
    if (this.#asks === 'head' || head.startsWith('HTTP/1.1 100')) return bodyAt
    if (CHUNKED.test(head)) {
      const end = this.#held.indexOf(CHUNKS_END, bodyAt)
      return end < 0 ? undefined : end + CHUNKS_END.length
    }
    return bodyAt + Number(LENGTH.exec(head)?.[1] ?? 0)
  }
}

export interface SendResult {
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

/** What is answered 503, or not heard, is sent again up to this often and this long apart, ms. */
const TRIES_MAX = 5
const RETRY_AFTER_MS = 500

/** Sends again after a 503, which a busy machine gives now and then; one that always comes is a fault. */
export async function sendUntilHeard(
  send: () => Promise<SendResult>,
  onPostponed: () => void,
): Promise<SendResult> {
  for (let tries = 1; ; tries += 1) {
    const sent = await send()
    const isHeard = sent.end !== 'unheard' && !sent.statuses.includes(503)
    if (isHeard || tries === TRIES_MAX) return sent
    onPostponed()
    await pause(RETRY_AFTER_MS * tries)
  }
}

export function open(target: Target): Socket {
  const socket =
    'socketPath' in target
      ? connect({ path: target.socketPath })
      : connect({ host: target.host, port: target.port, noDelay: true })
  // Each failure ends in `close`.
  socket.on('error', () => undefined)
  return socket
}

export class RawConnection {
  readonly #target: Target
  #socket: Socket | undefined

  constructor(target: Target) {
    this.#target = target
  }

  /** Never rejects. */
  send(payload: Payload): Promise<SendResult> {
    const isFresh = this.#socket === undefined
    const socket = this.#socket ?? open(this.#target)
    this.#socket = undefined
    const reader = new AnswerReader(payload.asks)
    return new Promise((resolve) => {
      const finish = (end: SendResult['end']): void => {
        clearTimeout(timer)
        socket.off('data', read)
        socket.off('close', lose)
        const isGood = end === 'answered' && !reader.isLast && !reader.isPartial
        if (isGood && payload.finish === 'read' && !socket.destroyed) this.#socket = socket
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
      const isWhole = (): boolean => reader.statuses.length >= payload.answers
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
      if (payload.finish === 'read') socket.write(payload.bytes)
      else if (payload.finish === 'end') socket.end(payload.bytes)
      else socket.write(payload.bytes, () => finish('left'))
    })
  }

  close(): void {
    this.#socket?.destroy()
  }
}
