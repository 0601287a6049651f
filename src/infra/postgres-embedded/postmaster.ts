// Which server runs on a data folder, by whatever path it was started, and what a server that ended
// badly has left there.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { codeOf } from '../../actors/model/errors.ts'

/** A PostgreSQL server that runs on a data folder. */
export interface Postmaster {
  readonly pid: number
  /** Undefined while it is only just starting. */
  readonly port: number | undefined
}

/**
 * The server that runs on this folder, if any. `postmaster.pid` alone does not say: after a crash
 * its process number may belong to any other process, which must be neither signalled nor taken
 * for a server.
 */
export async function findPostmaster(path: string): Promise<Postmaster | undefined> {
  const note = await readNote(path)
  const postmaster = note === undefined ? undefined : readPostmaster(note)
  if (postmaster === undefined) return undefined
  return (await identify(postmaster.pid, path)) === 'server' ? postmaster : undefined
}

/**
 * Whether a server runs on this folder that is no process of this container: its socket, which lies
 * in the folder, takes connections, also when it is frozen. Of another machine no socket tells, nor
 * where none could be made.
 */
export async function isServedElsewhere(path: string): Promise<boolean> {
  const note = await readNote(path)
  const port = note === undefined ? undefined : readPostmaster(note)?.port
  if (port === undefined || (await findPostmaster(path)) !== undefined) return false
  const socket = connect(join(path, `${SOCKET}${port}`))
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    // It listens, and as many as it lets wait do so already.
    return error instanceof Error && 'code' in error && error.code === 'EAGAIN'
  } finally {
    socket.destroy()
  }
}

/** Systems take no longer paths of sockets, bytes. */
const SOCKET_PATH_MAX = 100

/** Whether a socket can be made in this folder: not all file systems have them. */
export async function takesSockets(path: string): Promise<boolean> {
  const file = join(path, `${SOCKET}65536`)
  if (Buffer.byteLength(file) > SOCKET_PATH_MAX) return false
  const server = createServer()
  try {
    server.listen(file)
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

/** How PostgreSQL names its sockets and their locks, before the port. */
const SOCKET = '.s.PGSQL.'

/** What `postmaster.pid` says, line by line: process number, data folder, start time, port. */
export function readPostmaster(note: string): Postmaster | undefined {
  const [pid = '', , , port = ''] = note.split('\n')
  if (!/^\s*\d+\s*$/.test(pid)) return undefined
  return { pid: Number(pid), port: /^\d+$/.test(port) ? Number(port) : undefined }
}

/**
 * Makes what a dead server has left harmless, so that PostgreSQL starts: it takes any process with
 * the number in `postmaster.pid` for a living server, also one that nobody has reaped, and refuses
 * a file that a loss of power has emptied. A living server's file is not touched.
 */
export async function clearRemains(path: string): Promise<void> {
  const sockets = (await readdir(path)).filter((name) => name.startsWith(SOCKET))
  await Promise.all(sockets.map((name) => rm(join(path, name), { force: true })))
  const note = await readNote(path)
  if (note === undefined) return
  const postmaster = readPostmaster(note)
  if (postmaster === undefined) {
    if (await isDeserted(path)) await rm(noteFile(path), { force: true })
    return
  }
  if ((await identify(postmaster.pid, path)) !== 'other') return
  // The rest stays: by it PostgreSQL finds out whether sessions of the dead server still live.
  const harmless = note.replace(/^\s*\d+/, String(NOBODYS_PID))
  if ((await readNote(path)) === note) await writeFile(noteFile(path), harmless)
}

/** Above the numbers that systems give to processes. */
const NOBODYS_PID = 4_194_304

/**
 * - `server`: it runs on this folder; `other`: it certainly does not, or is dead and not reaped;
 * - `gone`: there is no such process; `foreign`: another user's, which may not be looked at, and
 *   PostgreSQL takes no folder of another user;
 * - `unknown`: that could not be found out.
 */
type Identity = 'server' | 'other' | 'gone' | 'foreign' | 'unknown'

// A server works in its data folder, and that folder is the same by whatever path it is reached.
async function identify(pid: number, path: string): Promise<Identity> {
  if (!(await hasProc())) return identifyByPs(pid)
  try {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8')
    // A process that is dead and not reaped has no command any more.
    if (!command.includes('postgres')) return 'other'
    const [at, folder] = await Promise.all([
      stat(`/proc/${pid}/cwd`, { bigint: true }),
      stat(path, { bigint: true }),
    ])
    return at.dev === folder.dev && at.ino === folder.ino ? 'server' : 'other'
  } catch (error) {
    return WITHOUT_ANSWER[codeOf(error)] ?? 'unknown'
  }
}

/** What it means that /proc does not answer; a process that ends meanwhile is ESRCH. */
const WITHOUT_ANSWER: Readonly<Record<string, Identity>> = {
  ENOENT: 'gone',
  ESRCH: 'gone',
  EACCES: 'foreign',
  EPERM: 'foreign',
}

/** Without /proc nobody says where a process works: a PostgreSQL of that number is taken for ours. */
export async function identifyByPs(pid: number): Promise<Identity> {
  const args = ['-o', 'stat=,command=', '-p', String(pid)]
  const answer = await promisify(execFile)('ps', args).catch((error: unknown) => ({ error }))
  if ('error' in answer) return isExitOne(answer.error) ? 'gone' : 'unknown'
  return !answer.stdout.startsWith('Z') && answer.stdout.includes('postgres') ? 'server' : 'other'
}

/** What `ps` does where there is no such process, and not where it is missing or cannot run. */
function isExitOne(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 1
}

/** Whether certainly no process of a PostgreSQL works in this folder. */
async function isDeserted(path: string): Promise<boolean> {
  if (!(await hasProc())) return false
  const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger)
  const identities = await Promise.all(pids.map((pid) => identify(pid, path)))
  return !identities.includes('server') && !identities.includes('unknown')
}

async function hasProc(): Promise<boolean> {
  return (await stat('/proc/self/cmdline').catch(() => undefined)) !== undefined
}

function noteFile(path: string): string {
  return join(path, 'postmaster.pid')
}

/** Undefined where there is none. Rejects where it cannot be read: it may be a living server's. */
function readNote(path: string): Promise<string | undefined> {
  return readFile(noteFile(path), 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
}
