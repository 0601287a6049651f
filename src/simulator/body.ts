// Reads request bodies, bounded.

import type { HttpResponse } from 'uWebSockets.js'
import type { Responder } from './responder.ts'

/** Bytes of a request body that are read; a charge has some 130, faults a few thousand. */
export const BODY_BYTES_MAX = 16_384

/**
 * Calls `take` once with the whole body as text, in the same turn as its last piece arrives. A
 * larger body is answered 413 and its connection closed, without a call. Must be called before the
 * route's function returns.
 */
export function readBody(
  res: HttpResponse,
  responder: Responder,
  take: (text: string) => void,
): void {
  let pieces: Buffer | undefined
  let refused = false
  res.onData((chunk, isLast) => {
    if (refused) return
    if ((pieces?.length ?? 0) + chunk.byteLength > BODY_BYTES_MAX) {
      refused = true
      responder.refuseAndClose({ status: 413 })
      return
    }
    const piece = Buffer.from(chunk)
    if (isLast) {
      take((pieces ? Buffer.concat([pieces, piece]) : piece).toString())
      return
    }
    // The chunk's memory belongs to uWebSockets.js and is taken back when this returns: copy it.
    pieces = pieces ? Buffer.concat([pieces, piece]) : Buffer.concat([piece])
  })
}

/** The value of a JSON text, `undefined` (which JSON cannot say) when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** A field of a JSON object, `undefined` of anything else. */
export function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as Readonly<Record<string, unknown>>)[name]
}
