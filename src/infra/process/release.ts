// What this is, for metrics and documents.

import { readFileSync } from 'node:fs'
import { projectFile } from './project-file.ts'

/** Pit's version, as package.json has it. Throws when that file is missing or broken. */
export function readVersion(): string {
  const manifest = JSON.parse(readFileSync(projectFile('package.json'), 'utf8')) as {
    readonly version: string
  }
  return manifest.version
}
