// One query for the addresses of one name: the hosts file, then DNS, within a bound.

import { readFileSync } from 'node:fs'
import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'

export interface NameQuery {
  /**
   * At least one IP address. Rejects within `QUERY_TIMEOUT_MS` with an error that has c-ares' code,
   * such as `ENOTFOUND` or `ETIMEOUT`.
   */
  readonly addresses: Promise<readonly string[]>
  /** Rejects it at once, if it is still running. */
  cancel(): void
}

/** Where names are looked for; the system's own where nothing else is said. */
export interface NameSources {
  readonly hostsFile?: string
  /** Has the search list; name servers too, unless they are given. */
  readonly resolvConf?: string
  /** `address:port` of each name server. */
  readonly servers?: readonly string[]
}

/** Bound on one query, ms; what waits for it gives up at its own connection's bound. */
const QUERY_TIMEOUT_MS = 2_000
/** A datagram that is lost is sent again after this long, ms, and after twice as long. */
const TRY_TIMEOUT_MS = 500
const TRIES = 3

/**
 * Node's own `dns.lookup` is not used: it asks the C library, in the few threads that files and all
 * other names need as well, and a thread that hangs keeps even an ended process from exiting. A
 * `Resolver` asks name servers over sockets of its own and can be cancelled. It knows neither the
 * hosts file nor the search list of resolv.conf, so both are read here, synchronously, since the
 * files are small and asynchronous reads take a thread. Other sources of the C library (mDNS, LDAP)
 * are left out on purpose. Each query has a resolver of its own, which reads the name servers anew.
 */
export function queryName(name: string, sources: NameSources = {}): NameQuery {
  const { hostsFile = '/etc/hosts', resolvConf = '/etc/resolv.conf', servers } = sources
  const plain = name.toLowerCase()
  const inFile = hostsIn(readIfThere(hostsFile)).get(plain) ?? loopbackOf(plain)
  if (inFile !== undefined) return { addresses: Promise.resolve(inFile), cancel: () => undefined }

  const resolver = new Resolver({ timeout: TRY_TIMEOUT_MS, tries: TRIES })
  if (servers !== undefined) resolver.setServers(servers)
  const asking: Asking = { resolver, endedAs: undefined }
  const end = (code: string): void => {
    asking.endedAs = code
    resolver.cancel()
  }
  const timer = setTimeout(() => end('ETIMEOUT'), QUERY_TIMEOUT_MS)
  const ask = async (): Promise<readonly string[]> => {
    const candidates = candidatesOf(plain, searchListIn(readIfThere(resolvConf)))
    const found = await firstFound(candidates, asking).finally(() => clearTimeout(timer))
    if ('code' in found) throw noAddress(name, found.code)
    return found
  }
  return { addresses: ask(), cancel: () => end('ECANCELLED') }
}

/** An error of the kind that sockets have. */
export function noAddress(name: string, code: string): Error & { code: string } {
  return Object.assign(new Error(`no address of ${name}: ${code}`), { code })
}

interface Asking {
  readonly resolver: Resolver
  /** Set when the query is ended before its answer: with what code. */
  endedAs: string | undefined
}

/** The addresses of the first candidate that has any, else why there are none. */
async function firstFound(
  candidates: readonly string[],
  asking: Asking,
): Promise<readonly string[] | { readonly code: string }> {
  let code = NOT_FOUND
  for (const candidate of candidates) {
    const answers = await Promise.allSettled([
      asking.resolver.resolve4(candidate),
      asking.resolver.resolve6(candidate),
    ])
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    // Also when the other family's question hung until the end.
    if (found.length > 0) return found
    if (asking.endedAs !== undefined) return { code: asking.endedAs }
    for (const answer of answers) {
      const said = answer.status === 'rejected' ? codeOf(answer.reason) : NOT_FOUND
      // That a name does not exist says less than that a server could not be asked.
      if (said !== NOT_FOUND && said !== 'ENODATA') code = said
    }
  }
  return { code }
}

const NOT_FOUND = 'ENOTFOUND'

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : NOT_FOUND
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Addresses by name, in the order of the file. */
function hostsIn(text: string): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>()
  for (const [address = '', ...names] of wordsOf(text)) {
    if (isIP(address) === 0) continue
    for (const name of names.map((each) => each.toLowerCase())) {
      hosts.set(name, [...(hosts.get(name) ?? []), address])
    }
  }
  return hosts
}

/** Never a question for DNS (RFC 6761). */
function loopbackOf(name: string): readonly string[] | undefined {
  return /(^|\.)localhost\.?$/.test(name) ? ['127.0.0.1', '::1'] : undefined
}

interface SearchList {
  readonly domains: readonly string[]
  /** A name with at least so many dots is asked for as it is before the domains are tried. */
  readonly dots: number
}

function searchListIn(text: string): SearchList {
  let list: SearchList = { domains: [], dots: 1 }
  for (const [keyword, ...words] of wordsOf(text)) {
    if (keyword === 'search' || keyword === 'domain') list = { ...list, domains: words }
    if (keyword !== 'options') continue
    const dots = /(?:^| )ndots:(\d+)/.exec(words.join(' '))?.[1]
    if (dots !== undefined) list = { ...list, dots: Number(dots) }
  }
  return list
}

function candidatesOf(name: string, { domains, dots }: SearchList): readonly string[] {
  if (name.endsWith('.')) return [name]
  const longer = domains.map((domain) => `${name}.${domain.replace(/\.$/, '')}`)
  const hasDots = name.split('.').length - 1 >= dots
  return hasDots ? [name, ...longer] : [...longer, name]
}

/** The words of each line, without comments; of an empty line one that is empty. */
function wordsOf(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .map((line) => line.replace(/[#;].*/, '').trim())
    .map((line) => line.split(/\s+/))
}
