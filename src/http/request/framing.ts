// Whether a request says once and plainly where it ends.

import type { HttpRequest } from 'uWebSockets.js'

/**
 * Of several lengths uWebSockets takes the first, an empty one for 0, and it reads whatever names
 * chunks among other codings. A proxy in front could see other ends in the same bytes, and a
 * request where this side sees a body, so only one length or plain `chunked` will do.
 */
export function isPlainlyFramed(request: HttpRequest): boolean {
  let framings = 0
  let isPlain = true
  request.forEach((name, value) => {
    if (name === 'content-length') {
      framings += 1
      if (value === '') isPlain = false
    } else if (name === 'transfer-encoding') {
      framings += 1
      if (value.toLowerCase() !== 'chunked') isPlain = false
    }
  })
  return isPlain && framings <= 1
}
