// A PostgreSQL of its own for a spec file, on a free port, gone when the file ends.

import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import type { Test } from 'tap'
import { findPostmaster } from '../../src/infra/postgres-embedded/server-process.ts'
import { startEmbeddedPostgres } from '../../src/infra/postgres-embedded/embedded-postgres.ts'
import { projectFile } from '../../src/infra/process/project-file.ts'

export interface SpecPostgres {
  /** Connection string of an empty database of its own. */
  freshDatabase(): Promise<string>
  /** Process id of the server itself. */
  readonly pid: number
}

/** Starts one server for the file that `t` is the root of; pass that root, not a subtest. */
export async function startPostgres(t: Test): Promise<SpecPostgres> {
  const folder = await makeEnterableFolder()
  const dataDir = join(folder, 'data')
  await copyTemplate(dataDir)
  const server = await startEmbeddedPostgres({ dataDir, settings: FAST })
  t.teardown(async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })
  const postmaster = await findPostmaster(join(dataDir, 'cluster'))
  if (postmaster === undefined) throw new Error('the server that was started does not run')
  process.on('exit', () => kill(postmaster.pid))

  let databases = 0
  return {
    pid: postmaster.pid,
    freshDatabase: async () => {
      databases += 1
      const name = `spec_${databases}`
      await runSql(server.connectionString, `CREATE DATABASE ${name}`)
      const address = new URL(server.connectionString)
      address.pathname = `/${name}`
      return address.href
    },
  }
}

/** Runs SQL on a connection of its own and gives the rows of its last statement. */
export async function runSql(
  connectionString: string,
  sql: string,
  values?: readonly (string | number)[],
): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    const result = await client.query(sql, values === undefined ? undefined : [...values])
    return [result].flat().at(-1)?.rows ?? []
  } finally {
    await client.end()
  }
}

/** Makes a data folder as a start on a new one would, with its databases still empty. */
export async function copyTemplate(dataDir: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', await findTemplate(), dataDir])
}

/** A temporary folder that the user PostgreSQL runs as may enter, too. */
export async function makeEnterableFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pit-spec-'))
  await chmod(folder, 0o755)
  return folder
}

// What a crash would lose is of no interest here, except to the specs that start their own.
const FAST = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

// initdb costs seconds on a slow machine, a copy does not. Renaming is atomic: of spec files that
// make the template at once, one wins and the others throw theirs away.
async function findTemplate(): Promise<string> {
  const template = projectFile(`build/pg-template-${await packageVersion()}-${process.getuid?.()}`)
  if (await stat(template).catch(() => undefined)) return template
  const draft = `${template}.${process.pid}`
  await mkdir(dirname(template), { recursive: true })
  const folder = await makeEnterableFolder()
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), settings: FAST })
  await server.stop()
  await promisify(execFile)('cp', ['-a', join(folder, 'data'), draft])
  await rm(folder, { recursive: true, force: true })
  await rename(draft, template).catch(() => rm(draft, { recursive: true, force: true }))
  return template
}

async function packageVersion(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('embedded-postgres')
  const text = await readFile(join(dirname(dirname(entry)), 'package.json'), 'utf8')
  return /"version": "([^"]+)"/.exec(text)?.[1] ?? 'unknown'
}

// For a spec file that ends without its teardown: PostgreSQL stops at once, nothing is left.
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT')
  } catch {
    // It has been stopped already.
  }
}
