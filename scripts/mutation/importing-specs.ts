// Which specs import a module, and over how many files.

import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'

export interface ImportingSpec {
  /** Compiled, relative to the folder of the build. */
  readonly path: string
  /** 1: it imports the module itself. */
  readonly distance: number
  /** Whether it stands in the module's own folder of `spec/`. */
  readonly isBeside: boolean
}

/** Specs of a build that load the module: the fewest imports first, then the nearest folders. */
export function importingSpecs(build: string, module: string): readonly ImportingSpec[] {
  const importers = new Map<string, string[]>()
  const specs: string[] = []
  for (const path of filesIn(build)) {
    if (path.endsWith('.spec.js')) specs.push(path)
    for (const target of importedBy(build, path)) {
      const others = importers.get(target)
      if (others === undefined) importers.set(target, [path])
      else others.push(path)
    }
  }
  const distances = new Map([[module, 0]])
  for (const [path, distance] of distances) {
    for (const importer of importers.get(path) ?? []) {
      if (!distances.has(importer)) distances.set(importer, distance + 1)
    }
  }
  const folders = dirname(module).split('/').slice(1)
  return specs
    .map((path) => ({ path, distance: distances.get(path) ?? Number.POSITIVE_INFINITY }))
    .filter(({ distance }) => Number.isFinite(distance))
    .map((spec) => ({ ...spec, shared: sharedFolders(spec.path, folders) }))
    .toSorted((one, other) => one.distance - other.distance || other.shared - one.shared)
    .map(({ path, distance, shared }) => ({ path, distance, isBeside: shared === folders.length }))
}

function filesIn(build: string): readonly string[] {
  const names = readdirSync(build, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.js'))
}

function importedBy(build: string, path: string): readonly string[] {
  const text = readFileSync(join(build, path), 'utf8')
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((target) => target.startsWith('.'))
    .map((target) => join(dirname(path), target))
}

/** Folders below `spec/` that a spec has in common with those of the module. */
function sharedFolders(spec: string, folders: readonly string[]): number {
  const others = dirname(spec).split('/').slice(1)
  const differing = folders.findIndex((name, index) => name !== others[index])
  return differing < 0 ? folders.length : differing
}
