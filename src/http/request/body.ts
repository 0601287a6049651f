// The bytes of a request: how it says where it ends, and its body, read into memory within a bound.

import type { HttpRequest, HttpResponse } from '../../server/web-server.ts'
import type { Responder } from '../responder.ts'

/** How a request says where it ends; `unclear`: not once and plainly. */
export type Framing = 'length' | 'chunked' | 'unclear'

/**
 * Whether a request says once and plainly where it ends: with one length, which none counts as, or
 * with plain `chunked`. Of several lengths uWebSockets takes the first, it takes an empty one for
 * 0, and it accepts `chunked` among other codings. A proxy in front could find other ends in the
 * same bytes, and so pass on as a body what is read here as a request.
 */
export function framingOf(request: Pick<HttpRequest, 'forEach'>): Framing {
  let framings = 0
  let framing: Framing = 'length'
  request.forEach((name, value) => {
    if (name === 'content-length') {
      framings += 1
      if (value === '') framing = 'unclear'
    } else if (name === 'transfer-encoding') {
      framings += 1
      framing = value.toLowerCase() === 'chunked' ? 'chunked' : 'unclear'
    }
  })
  return framings <= 1 ? framing : 'unclear'
}

export interface BodyReader {
  /** Longest body taken, bytes. */
  readonly bytesMax: number
  /** Called once with the whole body. Bytes in one piece are only lent: gone after the call. */
  readonly onWhole: (bytes: Buffer) => void
  /**
   * Called once instead of `onWhole`. `read`: the body was skipped to its end and the connection
   * can be kept; `unread`: the body is too long for that.
   */
  readonly onTooLarge: (rest: 'read' | 'unread') => void
}

/**
 * A body over the limit is skipped up to here, so that its client, which may still be sending, can
 * read the answer; beyond this the connection is not worth keeping. Bytes.
 */
const SKIPPED_BYTES_MAX = 65_536

/**
 * Calls back once uWebSockets has judged what it read with the end of a chunked body. It reports
 * that end before it looks behind the last chunk, and answers what is no plain end, as a trailer
 * is, by closing the connection: a payment that had been taken would stay without its answer. What
 * comes later is not read before the answer. Not called for a connection that was closed.
 */
export function onceEnded(responder: Responder, whole: () => void): void {
  responder.pauseReading()
  setImmediate(() => {
    if (responder.isOpen) whole()
  })
}

/**
 * Reads the body of a request. Neither callback is called when the client disconnects before the
 * end; uWebSockets closes connections whose body stalls for about 10 s. A request holds at most
 * `bytesMax`, however small the pieces are.
 */
export function readBody(response: Pick<HttpResponse, 'onData'>, reader: BodyReader): void {
  let held: Buffer | undefined
  let length = 0
  let done = false

  response.onData((chunk, isLast) => {
    if (done) return
    const start = length
    length += chunk.byteLength
    done = isLast || length > reader.bytesMax + SKIPPED_BYTES_MAX
    if (length > reader.bytesMax) {
      if (done) reader.onTooLarge(isLast ? 'read' : 'unread')
      return
    }
    if (isLast && start === 0) {
      // The usual case: the whole body came in one piece and need not be copied.
      reader.onWhole(Buffer.from(chunk))
      return
    }
    // uWebSockets takes the chunk back when this returns.
    held ??= Buffer.allocUnsafeSlow(reader.bytesMax)
    held.set(new Uint8Array(chunk), start)
    if (isLast) reader.onWhole(held.subarray(0, length))
  })
}
