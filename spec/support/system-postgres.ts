// A PostgreSQL that a spec may stop, crash and start again on the same port.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { findPostmaster } from '../../src/infra/postgres-embedded/server-process.ts'
import { startEmbeddedPostgres } from '../../src/infra/postgres-embedded/embedded-postgres.ts'
import { freePort } from '../../bench/layout/ports.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { treeOf } from '../../bench/limits/process-tree.ts'
import { copyTemplate, makeEnterableFolder } from './postgres.ts'

export interface OwnPostgres {
  readonly connectionString: string
  stop(): Promise<void>
  /** Ends it without a checkpoint: it recovers at its next start. */
  crash(): Promise<void>
  start(): Promise<void>
  /** Keeps its port and connections and answers nothing. */
  freeze(): Promise<void>
  thaw(): Promise<void>
}

/** Stopped, with its data gone, at the test's end. */
export async function startOwnPostgres(t: Test): Promise<OwnPostgres> {
  const folder = await makeEnterableFolder()
  const dataDir = join(folder, 'data')
  await copyTemplate(dataDir)
  const path = join(dataDir, 'cluster')
  const port = await freePort()
  let server = await startEmbeddedPostgres({ dataDir, port })
  const { connectionString } = server
  const postmasterPid = async (): Promise<number> => {
    const postmaster = await findPostmaster(path)
    if (postmaster === undefined) throw new Error('PostgreSQL does not run')
    return postmaster.pid
  }
  const signalAll = async (signal: NodeJS.Signals): Promise<void> => {
    for (const pid of treeOf(await postmasterPid())) process.kill(pid, signal)
  }
  t.teardown(async () => {
    // A test that failed may have left it frozen.
    await signalAll('SIGCONT').catch(() => undefined)
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    connectionString,
    stop: () => server.stop(),
    crash: async () => {
      process.kill(await postmasterPid(), 'SIGQUIT')
      await waitUntil({ what: 'PostgreSQL has crashed' }, async () => {
        return (await findPostmaster(path)) === undefined
      })
    },
    start: async () => {
      server = await startEmbeddedPostgres({ dataDir, port })
    },
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
  }
}
