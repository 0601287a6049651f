// The project's own files as text, for the spec that checks their tidiness.

import { readFileSync, readdirSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join, posix } from 'node:path'
import { importsOf } from './syntax.ts'
import { projectFile } from '../../src/infra/process/project-file.ts'

export interface Source {
  /** Relative to the project, with slashes. */
  readonly path: string
  readonly text: string
  /** What it imports or re-exports, as written. */
  readonly imports: readonly string[]
}

/** Absolute. */
export const PROJECT = projectFile('.')

/** Built, downloaded or private: not the project's own text. */
const SKIPPED = ['node_modules', 'dist', 'build', 'coverage', '.git', '.tap', '.data']

/** Paths of all files, relative to the project, sorted. */
export function listFiles(folder = ''): readonly string[] {
  return readdirSync(join(PROJECT, folder), { withFileTypes: true })
    .filter((entry) => !SKIPPED.includes(entry.name))
    .flatMap((entry) => {
      const path = posix.join(folder, entry.name)
      if (entry.isDirectory()) return listFiles(path)
      return entry.isFile() ? [path] : []
    })
    .toSorted()
}

export function readText(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8')
}

export function readSource(path: string): Source {
  return sourceOf(path, readText(path))
}

export function sourceOf(path: string, text: string): Source {
  return { path, text, imports: importsOf(path, text) }
}

/** A relative import as a path from the project; a package's name as it is. */
export function resolved(source: Source, target: string): string {
  return target.startsWith('.') ? posix.join(posix.dirname(source.path), target) : target
}

/** `pg/lib/x` is of `pg`, `@xstate/store/y` of `@xstate/store`. */
export function packageOf(target: string): string {
  const parts = target.split('/')
  return target.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
}

export function isBuiltin(target: string): boolean {
  return target.startsWith('node:') || builtinModules.includes(target)
}

/** Code without comments, roughly: good enough to look for words in. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
}
