// Reads a request body into memory, bounded.

import type { HttpResponse } from 'uWebSockets.js'

export interface BodyReader {
  /** Longest body taken, bytes. */
  readonly bytesMax: number
  /** Called once with the whole body. The bytes are only lent: they are gone after the call. */
  readonly onWhole: (bytes: Buffer) => void
  /**
   * Called once instead of `onWhole`. `read`: the body was skipped to its end, the connection can
   * go on; `unread`: it is too long for that.
   */
  readonly onTooLarge: (rest: 'read' | 'unread') => void
}

/**
 * A body over the limit is skipped up to here, so that its client, which may still be sending,
 * gets to read the answer; beyond, the connection is not worth keeping. Bytes.
 */
const SKIPPED_BYTES_MAX = 65_536

/**
 * Reads the body of a request. Neither callback comes when the client vanishes before the end;
 * uWebSockets closes connections whose body stalls for about 10 s. A request holds at most
 * `bytesMax`, however small the pieces it comes in.
 */
export function readBody(response: HttpResponse, reader: BodyReader): void {
  let held: Buffer | undefined
  let length = 0
  let done = false

  response.onData((chunk, isLast) => {
    if (done) return
    const start = length
    length += chunk.byteLength
    done = isLast || length > reader.bytesMax + SKIPPED_BYTES_MAX
    if (length > reader.bytesMax) {
      held = undefined
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
