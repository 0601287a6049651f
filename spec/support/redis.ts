// A real Redis for specs: REDIS_URL, else a server from PATH, run as a child on a free port.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { missing } from './requirements.ts'

export interface RedisServer {
  readonly url: string
  /** Only for a server that was started here: others are not ours to stop. */
  readonly own?: OwnRedis
}

export interface OwnRedis {
  /** Ends it as kill -9 does. */
  kill(): Promise<void>
  /** Comes back empty, on the same port. */
  start(): Promise<void>
  /** Keeps the port and the connections and answers nothing. */
  freeze(): void
  thaw(): void
}

export const NO_REDIS = 'no REDIS_URL, and neither redis-server nor valkey-server on PATH'

/** Undefined where there is none, for the caller to skip with `NO_REDIS`; under CI that fails. */
export async function openRedis(t: Test): Promise<RedisServer | undefined> {
  const url = process.env['REDIS_URL']
  if (url !== undefined && url !== '') return { url }
  return startRedis(t)
}

/**
 * A server of the test's own, which it may break.
 *
 * @param settings as on Redis' command line.
 */
export async function startRedis(
  t: Test,
  settings: readonly string[] = [],
): Promise<(RedisServer & { readonly own: OwnRedis }) | undefined> {
  const binary = findBinary(['redis-server', 'valkey-server'])
  if (binary === undefined) {
    missing(NO_REDIS)
    return undefined
  }
  const port = await freePort()
  let child = await run(binary, port, settings)
  t.teardown(() => kill(child))
  const own: OwnRedis = {
    kill: () => kill(child),
    async start() {
      child = await run(binary, port, settings)
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  }
  return { url: `redis://127.0.0.1:${port}`, own }
}

async function run(
  binary: string,
  port: number,
  settings: readonly string[],
): Promise<ChildProcess> {
  const all = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...settings]
  const child = spawn(binary, all, { stdio: ['ignore', 'pipe', 'inherit'] })
  const said: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (/ready to accept connections/i.test(line)) {
      // Reading on keeps the pipe from filling up.
      child.stdout.resume()
      return child
    }
    said.push(line)
  }
  throw new Error(`${binary} did not start:\n${said.join('\n')}`)
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

function findBinary(names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const paths = folders.flatMap((folder) => names.map((name) => join(folder, name)))
  return paths.find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
