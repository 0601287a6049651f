// The file by which commands in the same folder find the dev stack that runs there. It stands in
// the data folder for as long as the stack runs, and only its owner may read it: its addresses have
// passwords in them.

import { execFile } from 'node:child_process'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

export interface DevStackAddresses {
  readonly databaseUrl: string
  readonly processorDefaultUrl: string
  readonly processorFallbackUrl: string
  /** The simulators' token; that of other processors is not kept. */
  readonly processorToken?: string
  /** Where clients call, `unix:` and a path where that is a socket; absent: at a port not chosen yet. */
  readonly clientsUrl?: string
  /** Where operators call; absent: nowhere. */
  readonly opsUrl?: string
}

/** Writes it, and gives what removes it again, unless it has become another process's. */
export async function writeDevStackFile(
  dataDir: string,
  addresses: DevStackAddresses,
): Promise<() => Promise<void>> {
  const path = pathIn(dataDir)
  const { pid } = process
  const contents: Contents = { pid, startedAt: await startOf(pid), ...addresses }
  // It is written under another name and renamed: a file that is there already keeps its mode.
  const draft = `${path}.new`
  await rm(draft, { force: true })
  await writeFile(draft, JSON.stringify(contents, null, 2), { mode: 0o600, flag: 'wx' })
  await rename(draft, path)
  return async () => {
    const found = await readContents(path).catch(() => undefined)
    if (found?.pid === pid) await rm(path, { force: true })
  }
}

/** How commands are told of a unix socket. */
export function socketUrl(path: string): string {
  return `unix:${resolve(path)}`
}

/** How this machine reaches the operators' port that an instance listens on. */
export function operatorsUrl({
  opsHost,
  opsPort,
}: {
  readonly opsHost: string
  readonly opsPort: number
}): string {
  const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[opsHost] ?? opsHost
  return `http://${host.includes(':') ? `[${host}]` : host}:${opsPort}`
}

/** Where the dev stack is that runs on this data folder, or why there is none: half a sentence. */
export async function findDevStack(
  dataDir: string,
): Promise<FoundDevStack | { readonly whyNot: string }> {
  const path = pathIn(dataDir)
  const folder = resolve(dataDir)
  try {
    const contents = await readContents(path)
    if (contents === undefined) return { whyNot: `${path} is not one that this Pit has written` }
    const { pid, startedAt, ...addresses } = contents
    if (await runs(pid, startedAt)) return { addresses, pid }
    return { whyNot: `the dev stack on ${folder} has ended: its process ${pid} was killed` }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    if (code === 'ENOENT') return { whyNot: `no dev stack runs on ${folder}` }
    return { whyNot: `${path}, which says where the dev stack is, cannot be read: ${code}` }
  }
}

/** `pid`: of the Pit that it is around. */
interface FoundDevStack {
  readonly addresses: DevStackAddresses
  readonly pid: number
}

interface Contents extends DevStackAddresses {
  readonly pid: number
  /** When the process started; undefined where the system does not say. */
  readonly startedAt: string | undefined
}

function pathIn(dataDir: string): string {
  return join(resolve(dataDir), 'dev-stack.json')
}

/** Undefined when it has another form. */
async function readContents(path: string): Promise<Contents | undefined> {
  const text = await readFile(path, 'utf8')
  try {
    const read: unknown = JSON.parse(text)
    return isContents(read) ? read : undefined
  } catch {
    return undefined
  }
}

function isContents(read: unknown): read is Contents {
  if (typeof read !== 'object' || read === null) return false
  const fields = new Map<string, unknown>(Object.entries(read))
  const isText = (name: string): boolean => typeof fields.get(name) === 'string'
  const isTextOrAbsent = (name: string): boolean => !fields.has(name) || isText(name)
  return (
    Number.isInteger(fields.get('pid')) &&
    ['databaseUrl', 'processorDefaultUrl', 'processorFallbackUrl'].every(isText) &&
    ['startedAt', 'processorToken', 'clientsUrl', 'opsUrl'].every(isTextOrAbsent)
  )
}

/** Whether the process lives, and is the one that wrote the file, not a later one of its number. */
async function runs(pid: number, startedAt: string | undefined): Promise<boolean> {
  if (startedAt !== undefined) return (await startOf(pid)) === startedAt
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/**
 * When a process began, in the system's words; undefined when it is gone or waits to be reaped, or
 * where the system does not say.
 */
async function startOf(pid: number): Promise<string | undefined> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  if (status !== undefined) {
    // After the command, which stands in parentheses and may hold any: state, … start.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  }
  const args = ['-o', 'stat=,lstart=', '-p', String(pid)]
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
  const { stdout } = await promisify(execFile)('ps', args, { env }).catch(() => ({ stdout: '' }))
  const [, state = 'Z', start] = /^(\S+)\s+(.*\S)/.exec(stdout.trim()) ?? []
  return state.startsWith('Z') ? undefined : start
}
