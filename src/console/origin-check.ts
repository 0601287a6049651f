// The origin check of the console, so that a page of another site does not reach it through the browser
// of an operator.

import type { HttpRequest } from '../server/web-server.ts'

type Asked = Pick<HttpRequest, 'getHeader'>

/**
 * Whether a request comes from the console's own pages or from no browser, where there are no keys.
 * Its `Origin` has to be its host. And the host must be an address, `localhost` or a name without a
 * dot: the owner of a public name could point it at this machine (DNS rebinding).
 */
export function hasOwnOrigin(request: Asked): boolean {
  return isPrivate(hostOf(request)) && isSameOrigin(request)
}

/** The same under any name: whoever points theirs here has no session, and no key. */
export function isSameOrigin(request: Asked): boolean {
  const origin = request.getHeader('origin').toLowerCase()
  return origin === '' || (URL.canParse(origin) && new URL(origin).host === hostOf(request))
}

function hostOf(request: Asked): string {
  return request.getHeader('host').toLowerCase()
}

/** An IPv6 address stands in brackets, which no name has: `[` is left of it. */
function isPrivate(host: string): boolean {
  const [name = ''] = host.split(':')
  return /^[\d.]+$/.test(name) || !name.includes('.') || name.endsWith('.localhost')
}
