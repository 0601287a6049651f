// Pit's own process, as `npm start` runs it, in an environment of the spec's making.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'
import { findPostmaster } from '../../src/infra/postgres-embedded/postmaster.ts'
import { projectFile } from '../../src/infra/process/project-file.ts'
import { waitUntil } from '../../bench/layout/wait.ts'

export interface PitProcess {
  /** What it wrote so far. */
  readonly out: string
  readonly err: string
  /** Resolves once its output holds this text; rejects when it ends before. */
  says(text: string): Promise<void>
  kill(signal: NodeJS.Signals): void
  /** As a terminal that is closed does: nobody reads any more, and SIGHUP. */
  hangUp(): void
  /** Its exit code and all that it wrote. */
  ended(): Promise<{ code: number | null; out: string; err: string }>
}

export interface PitProcessOptions {
  /** The whole environment besides PATH. */
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** What is run, by default `MAIN`. */
  readonly program?: string
  /** Folder that it is run in, by default none of its own. */
  readonly cwd?: string
  /** For Node itself. */
  readonly nodeArgs?: readonly string[]
  /** The user that runs it, by default the spec's own. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined
}

export const MAIN = projectFile('dist/main.js')
/** What `npx pit` runs. */
export const CLI = projectFile('dist/cli/cli.js')

/** Runs the compiled program; killed at the test's end if it still runs. */
export function runPit(t: Test, options: PitProcessOptions = {}): PitProcess {
  const { env, args = [], nodeArgs = [], account, program = MAIN, cwd = '/' } = options
  const command = [process.execPath, ...nodeArgs, program, ...args]
  // tap would instrument it through NODE_OPTIONS, which `env` takes away again and then becomes it.
  const child = spawn('env', ['-u', 'NODE_OPTIONS', ...command], {
    ...account,
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err, isClosed] = ['', '', false]
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()))
  child.once('close', () => (isClosed = true))
  t.teardown(async () => {
    if (isClosed) return
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  })
  return {
    get out() {
      return out
    },
    get err() {
      return err
    },
    says: (text) =>
      waitUntil({ what: `Pit says ${text}` }, () => {
        if (!out.includes(text) && isClosed) throw new Error(`Pit ended: ${out}${err}`)
        return out.includes(text)
      }),
    kill: (signal) => void child.kill(signal),
    hangUp: () => {
      child.stdout.destroy()
      child.stderr.destroy()
      child.kill('SIGHUP')
    },
    ended: async () => {
      await waitUntil({ what: 'Pit ended' }, () => isClosed)
      return { code: child.exitCode, out, err }
    },
  }
}

/** Process id of the PostgreSQL that runs on Pit's data folder, if one does. */
export async function embeddedServer(dataDir: string): Promise<number | undefined> {
  return (await findPostmaster(join(dataDir, 'cluster')))?.pid
}

/** Ends the PostgreSQL that a killed Pit left behind. */
export async function endEmbeddedServer(dataDir: string): Promise<void> {
  const pid = await embeddedServer(dataDir)
  if (pid === undefined) return
  process.kill(pid, 'SIGQUIT')
  await waitUntil({ what: 'PostgreSQL ended' }, async () => {
    return (await embeddedServer(dataDir)) === undefined
  })
}
