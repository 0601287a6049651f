// Who may use the console over a browser. The operators' port has no passwords, so a page from
// elsewhere must not reach it through the browser of somebody who can.

import type { HttpRequest } from 'uWebSockets.js'

/**
 * Whether the request is from our own pages or from no browser at all. An `Origin` has to be the
 * host that was asked; and that host must not be a public name, which its owner could point at
 * this machine (DNS rebinding): only addresses, `localhost` and names without a dot.
 */
export function isOurOwn(request: Pick<HttpRequest, 'getHeader'>): boolean {
  const host = request.getHeader('host').toLowerCase()
  const origin = request.getHeader('origin').toLowerCase()
  if (!isPrivateName(nameOf(host))) return false
  return origin === '' || hostOf(origin) === host
}

/** Without port and brackets. */
function nameOf(host: string): string {
  return host.startsWith('[') ? host.slice(1, host.indexOf(']')) : (host.split(':')[0] ?? '')
}

function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : ''
}

function isPrivateName(name: string): boolean {
  const isAddress = /^[\d.]+$/.test(name) || /^[\da-f:.]*:[\da-f:.]*$/.test(name)
  return isAddress || !name.includes('.') || name.endsWith('.localhost')
}
