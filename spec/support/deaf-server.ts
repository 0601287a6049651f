// A port where connecting never ends: its owner sleeps, and its queue of connections is full.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'

/** Linux drops the handshake of whoever finds the queue full; elsewhere it may refuse. */
export async function startDeafServer(t: Test): Promise<{ readonly url: string }> {
  const child = spawn(process.execPath, ['-e', LISTEN], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const port = Number(line)
  child.kill('SIGSTOP')
  // One more than the queue holds would hang for ever, so these are not waited for.
  const fillers = Array.from({ length: QUEUE + 2 }, () => connect(port, '127.0.0.1'))
  for (const filler of fillers) filler.on('error', () => undefined)
  t.teardown(() => fillers.forEach((filler) => filler.destroy()))
  await Promise.all(fillers.slice(0, QUEUE).map((filler) => once(filler, 'connect')))
  return { url: `http://127.0.0.1:${port}` }
}

const QUEUE = 1
const LISTEN = `const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: ${QUEUE} }, () => console.log(server.address().port))`
