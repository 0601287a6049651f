// A port that never accepts a connection: its process is stopped, and its backlog is full.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'

/** Linux drops a handshake that finds the backlog full; other systems may refuse it. */
export async function startNeverAcceptingServer(t: Test): Promise<{ readonly url: string }> {
  const child = spawn(process.execPath, ['-e', LISTEN], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const port = Number(line)
  child.kill('SIGSTOP')
  // A connection beyond the backlog hangs for ever, so only those within it are awaited.
  const fillers = Array.from({ length: BACKLOG + 2 }, () => connect(port, '127.0.0.1'))
  for (const filler of fillers) filler.on('error', () => undefined)
  t.teardown(() => fillers.forEach((filler) => filler.destroy()))
  await Promise.all(fillers.slice(0, BACKLOG).map((filler) => once(filler, 'connect')))
  return { url: `http://127.0.0.1:${port}` }
}

const BACKLOG = 1
const LISTEN = `const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: ${BACKLOG} }, () => console.log(server.address().port))`
