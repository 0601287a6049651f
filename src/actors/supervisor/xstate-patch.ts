// XState's system keeps every living actor in a Map by session id, which it writes and never reads.
// A payment's actor comes and goes each millisecond, so that Map is rebuilt all the time, and on
// Node 20 each old table keeps the next one alive: once one of them is old, all that passes through
// them survives young collections, and old space has to be marked every few seconds, for some 20 ms
// a time. So the write is left out. docs/XSTATE.md lists what else relies on XState's internals.

import assert from 'node:assert'
import type { AnyActorRef } from 'xstate'

interface Registry {
  _register: (sessionId: string, actor: AnyActorRef) => string
}

/**
 * Lets a system register no actor by its session id from now on. Actors with a `systemId` are found
 * as before: XState keeps those elsewhere.
 * @throws AssertionError when XState's system no longer registers actors in the replaced way.
 */
export function unlist(system: object): void {
  const registry: Partial<Registry> = system
  assert(typeof registry._register === 'function', 'system: it registers no actors')
  registry._register = (sessionId) => sessionId
}
