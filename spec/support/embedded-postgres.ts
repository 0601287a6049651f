// Data folders for the embedded PostgreSQL, and servers on them, which end with their test.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startEmbeddedPostgres } from '../../src/infra/postgres-embedded/embedded-postgres.ts'
import { copyTemplate, makeEnterableFolder } from './postgres.ts'

export async function makeFolder(t: Test): Promise<string> {
  const folder = await makeEnterableFolder()
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** As a start leaves it, in a folder of its own. */
export async function makeDataDir(t: Test): Promise<string> {
  const dataDir = join(await makeFolder(t), 'data')
  await copyTemplate(dataDir)
  return dataDir
}

export async function start(
  t: Test,
  config: Parameters<typeof startEmbeddedPostgres>[0],
): ReturnType<typeof startEmbeddedPostgres> {
  const server = await startEmbeddedPostgres(config)
  t.teardown(() => server.stop())
  return server
}
