// Which server runs: uWebSockets.js where it loads, else Node's own.

import type { UWS } from './uws-server.ts'
import type { WebServer } from './web-server.ts'

/** `auto`: uWebSockets.js where it loads. */
export type ServerChoice = 'auto' | 'uws' | 'node'

/** Rejects only where `uws` was asked for and does not load. */
export async function loadWebServer(choice: ServerChoice): Promise<WebServer> {
  if (choice !== 'node') {
    const uws = await import('uWebSockets.js').catch(String)
    if (typeof uws !== 'string')
      return (await import('./uws-server.ts')).createUwsServer(uws.default as UWS)
    if (choice === 'uws') throw new Error(`uWebSockets.js does not load: ${reasonOf(uws)}`)
    return { ...(await nodeServer()), insteadOf: `uWebSockets.js does not load: ${reasonOf(uws)}` }
  }
  return nodeServer()
}

async function nodeServer(): Promise<WebServer> {
  return (await import('./node-server.ts')).createNodeServer()
}

/** The package says the same for every cause, then in a paragraph of its own what the system said. */
function reasonOf(error: string): string {
  const said = error.split('\n\n').at(-1) ?? error
  return said.split('\n')[0] ?? said
}
