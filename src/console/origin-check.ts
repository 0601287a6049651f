// The origin check of the console. The operators' port has no passwords, so a page of another site
// must not reach it through the browser of an operator.

import type { HttpRequest } from '../server/web-server.ts'

/**
 * Whether a request comes from the console's own pages or from no browser. Its `Origin` has to be
 * its host. And the host must be an address, `localhost` or a name without a dot: the owner of a
 * public name could point it at this machine (DNS rebinding).
 */
export function hasOwnOrigin(request: Pick<HttpRequest, 'getHeader'>): boolean {
  const host = request.getHeader('host').toLowerCase()
  const origin = request.getHeader('origin').toLowerCase()
  if (!isPrivate(host)) return false
  return origin === '' || (URL.canParse(origin) && new URL(origin).host === host)
}

/** An IPv6 address stands in brackets, which no name has: `[` is left of it. */
function isPrivate(host: string): boolean {
  const [name = ''] = host.split(':')
  return /^[\d.]+$/.test(name) || !name.includes('.') || name.endsWith('.localhost')
}
