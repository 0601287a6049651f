// Names of other machines: a `lookup` for every socket that Pit opens, over which one name that
// hangs delays nothing else.

import type { LookupAddress } from 'node:dns'
import { isIPv6, type LookupFunction } from 'node:net'
import { noAddress, queryName, type NameQuery } from './name-query.ts'

export interface Names {
  /**
   * For the options of a socket. Fails with the `code` of the last query when a name has no address
   * that was ever known.
   */
  readonly lookup: LookupFunction
  /** Gives up the queries that are in flight; later look-ups fail at once. */
  close(): void
}

export interface NamesOptions {
  /** Begins one query that ends by itself within a bound. */
  readonly query?: (name: string) => NameQuery
  /** Monotonic, ms. */
  readonly now?: () => number
}

/** Shortest time between two queries of one name, ms: how old an address may be unnoticed. */
export const ASK_AGAIN_MS = 1_000

/** What is known of one name. */
interface Known {
  /** Found by the last query that found any; kept over all later failures. */
  addresses: readonly LookupAddress[]
  /** Why the last query found none. */
  failure: Error | undefined
  /** The one query in flight, for all who wait for it; never rejects. */
  asking: Promise<void> | undefined
  /** Monotonic instant from which it may be asked again, ms. */
  askAt: number
  /** Counts look-ups, so that each begins with another address. */
  turn: number
}

/**
 * A look-up of a name with known addresses never waits: it gets them at once, while a query that is
 * due goes on behind it. So an address that has changed costs a failed connection or two, a name
 * server that is gone costs nothing, and an old address is better than none. All addresses are
 * given, beginning with another one each time: Node tries them in turn, 250 ms each.
 */
export function createNames({
  query = queryName,
  now = () => performance.now(),
}: NamesOptions = {}): Names {
  /** As many as the configuration has names. */
  const names = new Map<string, Known>()
  const inFlight = new Set<NameQuery>()
  let closed = false

  const ask = async (name: string, known: Known): Promise<void> => {
    const running = query(name)
    inFlight.add(running)
    try {
      known.addresses = (await running.addresses).map(toLookupAddress)
    } catch (failure) {
      known.failure = failure instanceof Error ? failure : new Error(String(failure))
    } finally {
      inFlight.delete(running)
      known.asking = undefined
      known.askAt = now() + ASK_AGAIN_MS
    }
  }

  const refreshed = (name: string): Known => {
    const known = names.get(name) ?? unknownName()
    names.set(name, known)
    if (known.asking === undefined && now() >= known.askAt) known.asking = ask(name, known)
    return known
  }

  return {
    lookup(name, options, callback) {
      if (closed) return process.nextTick(callback, noAddress(name, 'ECANCELLED'), '')
      const known = refreshed(name)
      const answer = (): void => {
        const addresses = inTurn(known, options.family)
        const [first] = addresses
        if (first === undefined) callback(known.failure ?? noAddress(name, 'ENOTFOUND'), '')
        else if (options.all === true) callback(null, addresses)
        else callback(null, first.address, first.family)
      }
      if (known.addresses.length > 0 || known.asking === undefined) process.nextTick(answer)
      // It never rejects.
      else void known.asking.then(answer)
    },

    close() {
      closed = true
      for (const running of inFlight) running.cancel()
    },
  }
}

function unknownName(): Known {
  return {
    addresses: [],
    failure: undefined,
    asking: undefined,
    askAt: Number.NEGATIVE_INFINITY,
    turn: 0,
  }
}

function inTurn(known: Known, family: number | 'IPv4' | 'IPv6' | undefined): LookupAddress[] {
  const wanted = Number(String(family ?? 0).replace('IPv', ''))
  const fitting = known.addresses.filter((each) => wanted === 0 || each.family === wanted)
  const first = fitting.length === 0 ? 0 : known.turn % fitting.length
  known.turn += 1
  return [...fitting.slice(first), ...fitting.slice(0, first)]
}

function toLookupAddress(address: string): LookupAddress {
  return { address, family: isIPv6(address) ? 6 : 4 }
}
