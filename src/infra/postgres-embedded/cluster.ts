// The folder of an embedded PostgreSQL: made, checked, configured.

import { randomBytes } from 'node:crypto'
import { appendFile, chmod, chown, mkdir, readFile, readdir, realpath } from 'node:fs/promises'
import { rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { findPackage, findPostgresBinaries } from './binaries.ts'
import type { PostgresBinaries } from './binaries.ts'
import { asWhom, chooseUser } from './binaries.ts'
import type { RunAs } from './binaries.ts'

/** The only role of an embedded PostgreSQL. */
export const ROLE = 'pit'

/** A data folder that a server can be started on. */
export interface Cluster {
  readonly binaries: PostgresBinaries
  /** Absolute path of PostgreSQL's own folder, inside the data folder. */
  readonly path: string
  readonly password: string
  /** Replaces the settings that the server reads at its next start. */
  configure(settings: Readonly<Record<string, string | number>>): Promise<void>
}

/**
 * Opens a data folder, or makes it: `password` (readable by its owner only) and `cluster`, before
 * which `onFirst` is called. Rejects with one clear sentence when the folder cannot be used.
 */
export async function openCluster(
  dataDir: string,
  onFirst: () => void = () => undefined,
): Promise<Cluster> {
  const folder = await makeFolder(dataDir)
  const path = join(folder, 'cluster')
  const programs = findPackage()
  const isNew = (await readdir(folder)).length === 0
  const runAs = await chooseUser(path, [isNew ? folder : path, programs])
  const binaries = await findPostgresBinaries(programs, runAs)
  if (isNew) await handOver(folder, runAs)
  const password = await keepPassword(join(folder, 'password'), runAs)
  if (await exists(path)) await checkVersion(path, binaries.version)
  else {
    onFirst()
    await initialise({ folder, path, runAs, binaries })
  }
  return {
    binaries,
    path,
    password,
    configure: (settings) => give(join(path, SETTINGS_FILE), print(settings), runAs),
  }
}

const SETTINGS_FILE = 'pit.conf'

async function makeFolder(dataDir: string): Promise<string> {
  try {
    await mkdir(dataDir, { recursive: true })
    return await realpath(dataDir)
  } catch (cause) {
    throw new Error(`the data folder ${dataDir} cannot be made or entered`, { cause })
  }
}

async function handOver(path: string, { uid, gid }: RunAs): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid)
}

async function keepPassword(file: string, runAs: RunAs): Promise<string> {
  const kept = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return ''
    throw new Error(`the password in ${file} cannot be read`, { cause })
  })
  if (kept !== '') return kept.trim()
  const password = randomBytes(24).toString('base64url')
  await give(file, password, runAs)
  return password
}

async function checkVersion(path: string, version: string): Promise<void> {
  const found = await readFile(join(path, 'PG_VERSION'), 'utf8').catch((cause: unknown) => {
    throw new Error(`${path} does not hold the data of a PostgreSQL`, { cause })
  })
  if (found.trim() === version) return
  throw new Error(`${path} holds data of PostgreSQL ${found.trim()}, this one is ${version}`)
}

interface NewCluster {
  readonly folder: string
  readonly path: string
  readonly runAs: RunAs
  readonly binaries: PostgresBinaries
}

// Made under another name and renamed when whole: a start that was cut short leaves no half.
async function initialise({ folder, path, runAs, binaries }: NewCluster): Promise<void> {
  const draft = `${path}.new`
  try {
    await rm(draft, { recursive: true, force: true })
    await mkdir(draft, { mode: 0o700 })
    await handOver(draft, runAs)
    await binaries.run('initdb', [
      `--pgdata=${draft}`,
      `--username=${ROLE}`,
      `--pwfile=${join(folder, 'password')}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-locale',
    ])
    await give(join(draft, SETTINGS_FILE), '', runAs)
    await appendFile(join(draft, 'postgresql.conf'), `\ninclude '${SETTINGS_FILE}'\n`)
    await rename(draft, path)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`no PostgreSQL data could be made in ${folder}${asWhom(runAs)}: ${reason}`, {
      cause,
    })
  }
}

async function give(file: string, text: string, runAs: RunAs): Promise<void> {
  try {
    await writeFile(file, text, { mode: 0o600 })
    await chmod(file, 0o600)
    await handOver(file, runAs)
  } catch (cause) {
    throw new Error(`the data folder ${dirname(file)} cannot be written to`, { cause })
  }
}

function print(settings: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`)
  return `# Written by Pit at each start; settings of your own belong below the include.\n${lines.join('')}`
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
