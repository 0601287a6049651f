// XState's system lists every living actor in a Map that it writes and never reads. With a payment's
// actor coming and going each millisecond that Map is rebuilt all the time, and on Node 20 each old
// table keeps the next one alive: once one of them is old, all that passes through them survives
// young collections, and old space has to be marked every few seconds, for some 20 ms a time.

import type { AnyActorRef } from 'xstate'

interface Listing {
  _register: (sessionId: string, actor: AnyActorRef) => string
}

/**
 * Has a system list nobody from now on. Actors with a `systemId` are found as before: those are
 * kept elsewhere.
 * @throws Error when XState's system no longer registers actors in the way that this replaces.
 */
export function unlist(system: object): void {
  const listing: Partial<Listing> = system
  if (typeof listing._register !== 'function') throw new Error('system: nothing to unlist')
  listing._register = (sessionId) => sessionId
}
