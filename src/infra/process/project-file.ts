// The files that ship with Pit, found from wherever the code runs.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Absolute path of a file that ships with Pit, given relative to the directory of package.json.
 * That directory is found by walking up, so it is the same from src/, dist/ and build/src/.
 * Throws when there is no package.json above this file.
 */
export function projectFile(relativePath: string): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory)
    if (parent === directory) throw new Error('no package.json above Pit: its files are missing')
    directory = parent
  }
  return join(directory, relativePath)
}

/** Pit's version, as package.json has it. Throws when that file is missing or broken. */
export function readVersion(): string {
  const manifest = JSON.parse(readFileSync(projectFile('package.json'), 'utf8')) as {
    readonly version: string
  }
  return manifest.version
}
