// Which server runs: uWebSockets.js where it loads, else Node's own.

import type { UWS } from './uws-server.ts'
import type { WebServer } from './web-server.ts'

/** `auto`: uWebSockets.js where it loads. */
export type ServerChoice = 'auto' | 'uws' | 'node'

/** Rejects only where `uws` was asked for and does not load. */
export async function loadWebServer(choice: ServerChoice): Promise<WebServer> {
  const uws = choice === 'node' ? undefined : await import('uWebSockets.js').catch(String)
  if (typeof uws === 'object') {
    return (await import('./uws-server.ts')).createUwsServer(uws.default as UWS)
  }
  const server = (await import('./node-server.ts')).createNodeServer()
  if (uws === undefined) return server
  const why = `uWebSockets.js ${reasonOf(uws)}`
  if (choice === 'uws') throw new Error(`HTTP_SERVER: ${why}`)
  return { ...server, insteadOf: why }
}

/**
 * Half a sentence. The package says the same for every cause, then in a paragraph of its own what the
 * system said: a module that is not found is the binary of this Node. It may be left out on purpose.
 */
function reasonOf(error: string): string {
  const isMissing = /^Error( \[ERR_MODULE_NOT_FOUND\])?: Cannot find package /.test(error)
  if (isMissing) return 'is not installed'
  if (/Cannot find module '[^']*\.node'/.test(error)) {
    return `has no binary for Node ${process.versions.node} on ${process.platform} ${process.arch}`
  }
  const said = error.split('\n\n').at(-1) ?? error
  const reason = (said.split('\n')[0] ?? said).replace(/^Error( \[\w+\])?: /, '')
  return `does not load: ${reason}`
}
