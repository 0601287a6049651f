// The folder of an embedded PostgreSQL: made, checked, configured.

import { randomBytes } from 'node:crypto'
import { appendFile, chmod, chown, mkdir, readFile, readdir, realpath } from 'node:fs/promises'
import { rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { codeOf, wordsOf } from '../../actors/model/errors.ts'
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
  const { folder, names } = await openFolder(dataDir)
  const path = join(folder, 'cluster')
  const isMade = names.includes('cluster')
  const isNew = names.length === 0
  const foreign = isMade ? [] : names.filter((name) => !OWN_NAMES.test(name))
  if (foreign.length > 0) throw occupied(dataDir, foreign)
  const programs = findPackage()
  const runAs = await chooseUser(path, [isNew ? folder : path, programs])
  const binaries = await findPostgresBinaries(programs, runAs)
  if (isNew) await handOver(folder, runAs)
  const passwordFile = join(folder, 'password')
  if (isMade) await checkVersion(path, binaries.version)
  const kept = await readPassword(passwordFile)
  if (isMade && kept === '') throw lostPassword(passwordFile)
  const password = kept === '' ? await makePassword(passwordFile, runAs) : kept
  if (!isMade) {
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

/** What a start that was cut short, or one that did not come to an end, leaves without a cluster. */
const OWN_NAMES = /^(?:password|cluster\.new|in-use(?:\..*)?|dev-stack\.json(?:\.new)?)$/

/** Made by file systems in their root. */
const LOST_AND_FOUND = 'lost+found'

async function openFolder(
  dataDir: string,
): Promise<{ readonly folder: string; readonly names: readonly string[] }> {
  try {
    await makeFolders(resolve(dataDir))
    const folder = await realpath(dataDir)
    const names = (await readdir(folder)).filter((name) => name !== LOST_AND_FOUND)
    return { folder, names }
  } catch (cause) {
    const why = `cannot be made or entered: ${wordsOf(cause)}`
    throw new Error(`the data folder ${dataDir} ${why}`, { cause })
  }
}

/**
 * With the folders above it. Node's own `recursive` never ends where a file system that takes no
 * folders, such as /proc, says so by ENOENT.
 */
async function makeFolders(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return
    if (codeOf(cause) !== 'ENOENT' || dirname(path) === path) throw cause
    await makeFolders(dirname(path))
    await mkdir(path).catch((again: unknown) => {
      if (codeOf(again) !== 'EEXIST') throw again
    })
  }
}

/** Longest list of names in a message. */
const NAMED_MAX = 3

function occupied(dataDir: string, names: readonly string[]): Error {
  const more = names.length > NAMED_MAX ? ' and more' : ''
  const list = `${names.toSorted().slice(0, NAMED_MAX).join(', ')}${more}`
  return new Error(
    `the data folder ${dataDir} holds ${list}, and no data of Pit: name an empty one`,
  )
}

function lostPassword(file: string): Error {
  return new Error(
    `${file} is missing, and without it the PostgreSQL beside it lets nobody in: put it back, or ` +
      'make a new one as docs/DATABASE.md says',
  )
}

async function handOver(path: string, { uid, gid }: RunAs): Promise<void> {
  if (uid === undefined || gid === undefined) return
  await chown(path, uid, gid).catch((cause: unknown) => {
    throw unwritable(path, cause)
  })
}

export function unwritable(path: string, cause: unknown): Error {
  return new Error(`the data folder cannot be written to at ${path}: ${wordsOf(cause)}`, { cause })
}

/** Empty: there is none. */
async function readPassword(file: string): Promise<string> {
  const kept = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (codeOf(cause) === 'ENOENT') return ''
    throw new Error(`the password in ${file} cannot be read: ${wordsOf(cause)}`, { cause })
  })
  return kept.trim()
}

async function makePassword(file: string, runAs: RunAs): Promise<string> {
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
  } catch (cause) {
    throw unwritable(file, cause)
  }
  await handOver(file, runAs)
}

function print(settings: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`)
  return `# Written by Pit at each start; settings of your own belong below the include.\n${lines.join('')}`
}
