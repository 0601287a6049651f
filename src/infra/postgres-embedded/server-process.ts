// Finds the server that runs on a folder, if one does.

import { execFile } from 'node:child_process'
import { access, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A PostgreSQL server that runs on a data folder. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
}

/**
 * The server that runs on this folder, if any. `postmaster.pid` alone does not say: after a crash
 * its process number may belong to any other process, which must be neither signalled nor taken
 * for a server. Such a number would also keep PostgreSQL from starting, so the file is removed.
 */
export async function findPostmaster(path: string): Promise<Postmaster | undefined> {
  const file = join(path, 'postmaster.pid')
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n')
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  const command = await readCommand(pid)
  if (command === '') return undefined
  if (command.includes('postgres') && command.includes(path)) return { pid, port: Number(lines[3]) }
  await rm(file, { force: true })
  return undefined
}

// Empty when there is no such process.
async function readCommand(pid: number): Promise<string> {
  const hasProc = await access('/proc/self/cmdline').then(
    () => true,
    () => false,
  )
  if (hasProc) return await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const asked = promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)])
  return (await asked.catch(() => ({ stdout: '' }))).stdout
}
