// Which specs import a module, and over how many files.

import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'

export interface ImportingSpec {
  /** Compiled, relative to the folder of the build. */
  readonly path: string
  /** 1: it imports the module itself. */
  readonly distance: number
}

/** Specs of a build that load the module: the nearest folders first, then the fewest imports. */
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
  return specs
    .map((path) => ({ path, distance: distances.get(path) ?? Number.POSITIVE_INFINITY }))
    .filter(({ distance }) => Number.isFinite(distance))
    .toSorted(
      (one, other) =>
        sharedFolders(other.path, module) - sharedFolders(one.path, module) ||
        one.distance - other.distance,
    )
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

/** Folders that a spec and a module have in common, below `spec/` and `src/`. */
function sharedFolders(spec: string, module: string): number {
  const folders = dirname(module).split('/').slice(1)
  const others = dirname(spec).split('/').slice(1)
  const differing = folders.findIndex((name, index) => name !== others[index])
  return differing < 0 ? folders.length : differing
}
