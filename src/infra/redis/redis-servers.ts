// How each kind of REDIS_URL is connected to: one server, those behind Sentinels, or a cluster.

import assert from 'node:assert'
import { connect, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { AbstractConnector, Cluster, Redis, type RedisOptions } from 'ioredis'

/** One client for all servers behind a URL. */
export type RedisClient = Redis | Cluster

export interface ServersOptions {
  /** Resolves the name of a single server; absent: Node's own. */
  readonly lookup?: LookupFunction | undefined
  /** Longest wait for one reply, ms. */
  readonly commandTimeoutMs: number
}

const UNIX = 'unix://'
// Kind, user with password, hosts with their ports, path.
const SEVERAL = /^redis\+(sentinel|cluster):\/\/(?:([^/@]*)@)?([^/]*)\/?(.*)$/i

interface Login {
  readonly username?: string
  readonly password?: string
}

type Options = typeof FAIL_AT_ONCE & Login & { readonly commandTimeout: number }

/** Begins to connect and returns. */
export function openClient(url: string, { lookup, commandTimeoutMs }: ServersOptions): RedisClient {
  const options = { ...FAIL_AT_ONCE, commandTimeout: commandTimeoutMs }
  if (!Object.hasOwn(Redis.prototype, 'info')) Reflect.set(Redis.prototype, 'info', quietInfo)
  if (url.startsWith(UNIX)) {
    return new Redis({ ...options, path: decodeURIComponent(url.slice(UNIX.length)) })
  }
  const [, kind, login, hosts = '', path = ''] = SEVERAL.exec(url) ?? []
  if (kind === undefined) return new Redis(url, { ...options, Connector: connectorWith(lookup) })
  const user = { ...options, ...loginIn(login) }
  return kind.toLowerCase() === 'sentinel'
    ? behindSentinels(user, hosts, path)
    : inCluster(user, hosts)
}

// Where a user may not ask INFO the library goes on without, as Pit does, but first prints a line of
// its own to the terminal: it gets an answer that says nothing. A cluster's client makes clients of
// its own, so that this stands where all of them find it.
const OWN_INFO: unknown = Reflect.get(Redis.prototype, 'info')

function quietInfo(this: Redis, ...given: readonly unknown[]): unknown {
  assert(typeof OWN_INFO === 'function', 'the library can ask INFO')
  const [callback] = given
  if (typeof callback !== 'function') return Reflect.apply(OWN_INFO, this, given)
  const answer = (error: unknown, text: unknown): void => {
    const isForbidden = error instanceof Error && error.message.includes('NOPERM')
    Reflect.apply(callback, undefined, isForbidden ? [null, ''] : [error, text])
  }
  return Reflect.apply(OWN_INFO, this, [answer])
}

function behindSentinels(options: Options, hosts: string, path: string): Redis {
  const [name = '', database = '0'] = path.split('/')
  return new Redis({
    ...options,
    sentinels: placesIn(hosts, SENTINEL_PORT),
    name: decodeURIComponent(name),
    db: Number(database),
    sentinelRetryStrategy: reconnectDelayMs,
    sentinelCommandTimeout: options.connectTimeout,
    // Sentinels tell of a failover; a primary that has become a replica meanwhile says READONLY.
    failoverDetector: true,
    reconnectOnError: ({ message }) => message.startsWith('READONLY'),
  })
}

function inCluster(options: Options, hosts: string): Cluster {
  const { retryStrategy: _, enableOfflineQueue, ...redisOptions } = options
  return new Cluster(placesIn(hosts, REDIS_PORT), {
    redisOptions,
    enableOfflineQueue,
    clusterRetryStrategy: reconnectDelayMs,
    slotsRefreshTimeout: redisOptions.connectTimeout,
    // To where a slot has moved, and once more if it is on its way.
    maxRedirections: 2,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: 0,
  })
}

const REDIS_PORT = 6379
const SENTINEL_PORT = 26_379

function placesIn(hosts: string, usualPort: number): { host: string; port: number }[] {
  return hosts.split(',').map((place) => {
    const { hostname, port } = new URL(`redis://${place}`)
    const host = decodeURIComponent(hostname).replace(/^\[(.*)\]$/, '$1')
    return { host, port: port === '' ? usualPort : Number(port) }
  })
}

function loginIn(login: string | undefined): Login {
  if (login === undefined) return {}
  const [username = '', ...rest] = login.split(':')
  const password = decodeURIComponent(rest.join(':'))
  return username === '' ? { password } : { username: decodeURIComponent(username), password }
}

/**
 * How ioredis opens its socket over TCP, with TLS or without: as it does by itself, but with names
 * resolved by a given `lookup`, for which it has no option.
 */
function connectorWith(lookup: LookupFunction | undefined) {
  return class extends AbstractConnector {
    readonly #options: RedisOptions

    // As ioredis declares it; it hands over its own options.
    constructor(options: unknown) {
      const given = options as RedisOptions
      super(given.disconnectTimeout ?? 0)
      this.#options = given
    }

    override connect(): Promise<Socket> {
      const { host = 'localhost', port = 6379, tls } = this.#options
      const place: ConnectionOptions = { host, port, ...(lookup === undefined ? {} : { lookup }) }
      const socket =
        tls === undefined ? connect({ ...place, host, port }) : connectTls({ ...place, ...tls })
      this.connecting = true
      this.stream = socket
      socket.once('error', (error) => {
        this.firstError = error
      })
      return Promise.resolve(socket)
    }
  }
}

const FAIL_AT_ONCE = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 1_000,
  // Silence this long while commands wait means that the peer is gone: without it, the commands
  // that timed out would pile up for as long as a dead network keeps the connection.
  socketTimeout: 1_000,
  disconnectTimeout: 500,
  retryStrategy: reconnectDelayMs,
}

/** Tries go on for ever, since nothing else would notice that Redis is back; at most 1 s apart. */
function reconnectDelayMs(attempt: number): number {
  return Math.min(50 * 2 ** Math.min(attempt - 1, 5), 1_000)
}
