// What the URLs of the configuration may say: each part is one that Pit honours, or a fault. A
// fault never repeats the URL, since it may hold a password.

/** Parameters of DATABASE_URL that reach PostgreSQL; the values that one takes, where not any. */
const DATABASE_PARAMETERS: Readonly<Record<string, readonly string[] | undefined>> = {
  application_name: undefined,
  host: undefined,
  lock_timeout: undefined,
  options: undefined,
  password: undefined,
  port: undefined,
  ssl: ['true', '1', '0', 'no-verify'],
  sslcert: undefined,
  sslkey: undefined,
  sslmode: ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'],
  sslnegotiation: ['postgres', 'direct'],
  sslrootcert: undefined,
  target_session_attrs: ['any', 'read-write', 'primary'],
  uselibpqcompat: ['true', 'false'],
  user: undefined,
}

/** `postgres://user:password@host:port/database?parameters`, or several hosts with commas. */
export function databaseUrlFault(given: string): string | undefined {
  const [, head = '', hosts = '', tail = ''] =
    /^([^:]*:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/s.exec(given) ?? []
  if (head === '') return 'has no //'
  const places = hosts.split(',').filter((host) => host !== '')
  if (!places.every((host) => URL.canParse(head + host + tail))) return UNREADABLE
  const { hash, searchParams } = new URL(`postgres://host${tail}`)
  if (hash !== '') return 'has a fragment (#), which nobody would read'
  // A % before anything but two hex digits stands for itself, as pg takes it.
  const encoded = given.replace(/%(?![0-9a-f]{2})/gi, '%25')
  if (!isDecodable(encoded)) return BROKEN_ENCODING
  if (given.includes('%00')) return HAS_NUL
  for (const place of places) {
    const { hostname, port } = new URL(`postgres://${place}`)
    if (port === '0') return NO_PORT
    if (!isDatabaseHost(decodeURIComponent(hostname))) return UNREADABLE
  }
  return parametersFault(searchParams)
}

function parametersFault(parameters: URLSearchParams): string | undefined {
  const host = parameters.get('host')
  if (host !== null && !isDatabaseHost(host)) return UNREADABLE
  for (const port of parameters.getAll('port')) {
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) return NO_PORT
  }
  for (const [name, value] of parameters) {
    if (!Object.hasOwn(DATABASE_PARAMETERS, name)) {
      return `has a parameter that Pit does not honour: ${shown(name)}`
    }
    const values = DATABASE_PARAMETERS[name]
    if (values !== undefined && !values.includes(value)) {
      return `has a ${name} that is none of ${values.join(', ')}`
    }
  }
  return undefined
}

/**
 * `redis://user:password@host:port/number`, the same as `rediss`, or `unix:///path`; with several
 * hosts `redis+sentinel://user:password@host:port,host:port/name/number` or
 * `redis+cluster://user:password@host:port,host:port`.
 */
export function redisUrlFault(given: string): string | undefined {
  if (/[?#]/.test(given)) return 'has a query or fragment, which Pit does not honour'
  if (given.startsWith('redis+') && !given.includes('://')) return 'has no //'
  const [, kind, user = '', hosts = '', path = ''] = SEVERAL.exec(given) ?? []
  const heads =
    kind === undefined ? [given] : hosts.split(',').map((host) => `redis://${user}${host}`)
  if (!heads.every((head) => URL.canParse(head))) return UNREADABLE
  if (!isDecodable(given)) return BROKEN_ENCODING
  if (given.includes('%00')) return HAS_NUL
  for (const head of heads) {
    const { protocol, host, hostname, port, pathname } = new URL(head)
    if (protocol === 'unix:') {
      return host === '' && given.startsWith('unix:///') && pathname.length > 1
        ? undefined
        : 'is not unix:///path: a socket takes no user, password or host'
    }
    if (host === '') return 'has no host'
    if (port === '0') return NO_PORT
    if (!HOST.test(hostname)) return UNREADABLE
    if (kind === undefined && !DATABASE.test(pathname)) return NO_DATABASE
  }
  return kind === undefined ? undefined : pathFault(kind.toLowerCase(), path)
}

// Kind, user with password, hosts with their ports, path.
const SEVERAL = /^redis\+(sentinel|cluster):\/\/([^/@]*@)?([^/]*)(.*)$/i
const DATABASE = /^\/?$|^\/\d{1,9}\/?$/
const NO_DATABASE = 'has a database that is no number'

function pathFault(kind: string, path: string): string | undefined {
  const [name = '', database] = path.replace(/^\/|\/$/g, '').split(/\/(.*)/)
  if (kind === 'cluster')
    return name === '' ? undefined : 'has a database, and a cluster has only one'
  if (name === '') return 'does not name the primary that its Sentinels watch: /name'
  return database === undefined || DATABASE.test(`/${database}`) ? undefined : NO_DATABASE
}

/** `http://host:port/path`. */
export function httpUrlFault(given: string): string | undefined {
  if (!URL.canParse(given)) return UNREADABLE
  if (given.includes('%00')) return HAS_NUL
  const { username, password, port } = new URL(given)
  if (username !== '' || password !== '') return 'has a user or password, which Pit would not send'
  if (/[?#]/.test(given)) return 'has a query or fragment, which Pit would not send'
  return port === '0' ? NO_PORT : undefined
}

const UNREADABLE = 'has a host or port that cannot be read'
const NO_PORT = 'has a port that is none of 1 to 65535'
const HAS_NUL = 'has a %00, which no host, name, password or path may hold'

/** One host; several are separated by commas outside of it. */
const HOST = /^[^\s%,/\\]+$/

/** A name, an address, or the folder of a socket. */
function isDatabaseHost(host: string): boolean {
  return host.startsWith('/') || HOST.test(host)
}

const BROKEN_ENCODING = 'has a % that encodes no character'

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** A parameter's name for a message; what does not look like a name may be a secret. */
function shown(name: string): string {
  return /^\w{1,40}$/.test(name) ? name : 'one that is no name'
}
