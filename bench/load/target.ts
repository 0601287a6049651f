// Where a request goes: a TCP port or a unix socket.

export type Target =
  { readonly host: string; readonly port: number } | { readonly socketPath: string }

/**
 * Reads `http://host:port` or `unix:/path/to.sock`.
 * @throws TypeError when it is neither, or when the URL has more than host and port.
 */
export function parseTarget(text: string): Target {
  if (text.startsWith('unix:/')) return { socketPath: text.slice('unix:'.length) }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.protocol !== 'http:' || url.pathname !== '/' || url.search !== '') {
    throw new TypeError(`not an http://host:port or unix:/path target: ${text}`)
  }
  // Brackets belong to the URL's notation of an IPv6 address, not to the address.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return { host, port: url.port === '' ? 80 : Number(url.port) }
}

/** Value of the `Host` header. */
export function authorityOf(target: Target): string {
  if ('socketPath' in target) return 'localhost'
  const host = target.host.includes(':') ? `[${target.host}]` : target.host
  return `${host}:${target.port}`
}
