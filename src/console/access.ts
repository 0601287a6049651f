// Who may see the console and give commands there: whoever signed in with a key, or, where there are
// no keys, whoever sits at the machine.

import type { HttpRequest } from '../server/web-server.ts'
import type { Telemetry } from '../actors/model/facts.ts'
import { LOOPBACK, mayOperate } from '../actors/model/operator.ts'
import type { AccessRefusal, Operator, Scope } from '../actors/model/operator.ts'
import { hasOwnOrigin, isSameOrigin } from './origin-check.ts'

/** The keys that there are now. */
export interface Keys {
  /** Whose this is, as long as it is a key; undefined: nobody's. */
  find(key: string): { operator(): Operator | undefined } | undefined
}

export interface AccessOptions {
  /** Absent: nobody has a key. */
  readonly keys?: Keys
  /** Whether the port can be reached from this machine alone; only then it is trusted without keys. */
  readonly isLoopback: boolean
  /** Monotonic, ms. */
  readonly now: () => number
  readonly telemetry: Telemetry
}

/** What somebody asks for; `change` carries a command. */
export type Asked = Pick<HttpRequest, 'getHeader'>

/** `whose`: of a key that does not open what was asked for. */
export type Judged =
  { readonly by: Operator } | { readonly refused: AccessRefusal; readonly whose?: Operator }

/** What a page is told of whoever looks at it. */
export interface PageAccess {
  readonly by: string
  readonly scope: Scope
  /** Part of each change that this page asks for. */
  readonly token: string
  /** Whether there is a session to end. */
  readonly signedIn: boolean
}

interface Session {
  readonly id: string
  readonly token: string
  readonly key: { operator(): Operator | undefined }
  /** Monotonic, ms. */
  readonly endsAt: number
}

/** Sessions at once; one more ends the oldest. */
const SESSIONS_MAX = 64

/** Longest session, ms: a day of work. */
const SESSION_MS = 12 * 3_600_000

/** In each request that changes something. */
const TOKEN_HEADER = 'x-pit-page'

/** Sessions are in memory: a restart ends them all, and makes the pages that are open stale. */
export class Access {
  readonly #options: AccessOptions
  readonly #sessions = new Map<string, Session>()
  /** The token of pages where nobody has to sign in. */
  readonly #token = randomText()
  readonly #listeners: (() => void)[] = []

  constructor(options: AccessOptions) {
    this.#options = options
  }

  /** Whether anything of the console may be seen. */
  visit(request: Asked): Judged {
    return this.#told(this.#visitor(request))
  }

  /** Whether something may be changed: by an operator, from a page that is not stale. */
  change(request: Asked): Judged {
    const visitor = this.#visitor(request)
    if ('refused' in visitor) return this.#told(visitor)
    const { by } = visitor
    const isStale =
      bearerOf(request) === '' && request.getHeader(TOKEN_HEADER) !== this.#tokenFor(request)
    if (isStale) return this.#told({ refused: 'stale', whose: by })
    return mayOperate(by) ? visitor : this.#told({ refused: 'scope', whose: by })
  }

  /** Whether a request comes from elsewhere: nothing is done for it. */
  isForeign(request: Asked): boolean {
    const isOwn = this.#options.keys === undefined ? hasOwnOrigin(request) : isSameOrigin(request)
    if (!isOwn) this.#tell('foreign', null)
    return !isOwn
  }

  /** Begins a session, which the cookie carries; undefined for what is no key. */
  signIn(key: string, request: Asked): { readonly cookie: string } | undefined {
    const found = this.#options.keys?.find(key)
    const operator = found?.operator()
    if (found === undefined || operator === undefined) {
      this.#tell('unknownKey', null)
      return undefined
    }
    this.sweep()
    const [oldest] = this.#sessions.keys()
    if (this.#sessions.size >= SESSIONS_MAX && oldest !== undefined) this.#end([oldest])
    const id = randomText()
    const endsAt = this.#options.now() + SESSION_MS
    this.#sessions.set(id, { id, token: randomText(), key: found, endsAt })
    const { telemetry } = this.#options
    telemetry.emit({ type: 'operator.signedIn', by: operator.name, scope: operator.scope })
    return { cookie: cookieOf(request, { value: id, maxAgeS: SESSION_MS / 1000 }) }
  }

  /** Ends the session of a request, if it has one; the cookie takes the other one away. */
  signOut(request: Asked): { readonly cookie: string } {
    const session = this.#sessionOf(request)
    if (session !== undefined) this.#end([session.id])
    return { cookie: cookieOf(request, { value: '', maxAgeS: 0 }) }
  }

  pageOf(request: Asked, { name: by, scope }: Operator): PageAccess {
    const signedIn = this.#sessionOf(request) !== undefined
    return { by, scope, token: this.#tokenFor(request), signedIn }
  }

  /** Ends the sessions whose time is over or whose key is gone. */
  sweep(): void {
    const ended = [...this.#sessions.values()].filter((session) => !this.#lives(session))
    this.#end(ended.map(({ id }) => id))
  }

  /** Called when sessions have ended: whoever looks on has to show again that they may. */
  whenEnded(listener: () => void): void {
    this.#listeners.push(listener)
  }

  #end(ids: readonly string[]): void {
    for (const id of ids) this.#sessions.delete(id)
    if (ids.length > 0) for (const listener of this.#listeners) listener()
  }

  #lives({ key, endsAt }: Session): boolean {
    return this.#options.now() < endsAt && key.operator() !== undefined
  }

  #sessionOf(request: Asked): Session | undefined {
    const session = this.#sessions.get(cookieIn(request))
    return session !== undefined && this.#lives(session) ? session : undefined
  }

  #tokenFor(request: Asked): string {
    return this.#sessionOf(request)?.token ?? this.#token
  }

  #visitor(request: Asked): Judged {
    const { keys, isLoopback } = this.#options
    if (keys === undefined) {
      return { by: { name: LOOPBACK, scope: isLoopback ? 'operate' : 'view' } }
    }
    const bearer = bearerOf(request)
    const by = (bearer === '' ? this.#sessionOf(request)?.key : keys.find(bearer))?.operator()
    if (by !== undefined) return { by }
    return { refused: bearer === '' ? 'noKey' : 'unknownKey' }
  }

  #told(judged: Judged): Judged {
    if ('refused' in judged) this.#tell(judged.refused, judged.whose?.name ?? null)
    return judged
  }

  #tell(why: AccessRefusal, by: string | null): void {
    this.#options.telemetry.emit({ type: 'access.refused', why, by })
  }
}

/** Empty without one. */
function bearerOf(request: Asked): string {
  return /^Bearer +(\S+)$/i.exec(request.getHeader('authorization'))?.[1] ?? ''
}

/** Browsers keep cookies by host without its port: each Pit of a machine has a name of its own. */
function cookieName(request: Asked): string {
  const port = /:(\d+)$/.exec(request.getHeader('host'))?.[1]
  return port === undefined ? 'pit_session' : `pit_session_${port}`
}

function cookieIn(request: Asked): string {
  const name = cookieName(request)
  const pairs = request.getHeader('cookie').split(/; */)
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''
}

function cookieOf(request: Asked, { value, maxAgeS }: { value: string; maxAgeS: number }): string {
  const isSecure = request.getHeader('x-forwarded-proto').toLowerCase() === 'https'
  const kept = `Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
  return `${cookieName(request)}=${value}; ${kept}`
}

/** 256 random bits, as text for a header. */
function randomText(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
}
