// Who may import whom: the block of arrows in STYLE.md as rules, and what breaks them.

import { posix } from 'node:path'
import { isBuiltin, packageOf, readText, resolved, type Source } from './sources.ts'
import { passedOnBy } from './syntax.ts'

/** What a folder of src may import. */
export interface Arrow {
  /** Everything, as what wires the others may. */
  readonly isFree: boolean
  /** Files without their `.ts`, and folders, from the project. */
  readonly paths: readonly string[]
  readonly packages: readonly string[]
}

/** The rules of STYLE.md, by folder of src. */
export function arrowsOf(style: string = readText('STYLE.md')): ReadonlyMap<string, Arrow> {
  const [, section = ''] = style.split('\n## Who imports whom\n')
  const [, block = ''] = section.split('\n```\n')
  const lines = block.split('\n').filter((line) => line.includes('──►'))
  const arrows = new Map<string, Arrow>()
  for (const [folder, arrow] of lines.flatMap(rulesIn)) {
    const known = arrows.get(folder)
    const paths = [...(known?.paths ?? []), ...arrow.paths]
    const packages = [...(known?.packages ?? []), ...arrow.packages]
    arrows.set(folder, { isFree: arrow.isFree, paths, packages })
  }
  return arrows
}

/** The imports of a file of src that no arrow allows. */
export function wrongImports(
  arrows: ReadonlyMap<string, Arrow>,
  source: Source,
): readonly string[] {
  const arrow = arrows.get(folderOf(source.path))
  if (arrow === undefined) return [`${source.path} has no arrow`]
  return source.imports
    .filter((target) => !allows(arrow, source, target))
    .map((target) => `${source.path} → ${target}`)
}

/** Names that a file hands on from another folder: whoever imports them goes around the arrows. */
export function handedOn(source: Source): readonly string[] {
  return passedOnBy(source.path, source.text)
    .filter(([, from]) => folderOf(resolved(source, from)) !== folderOf(source.path))
    .map(([name, from]) => `${source.path} hands on ${name} of ${from}`)
}

/** Files that import each other in a circle, each circle once; a lazy import counts as any other. */
export function circlesIn(sources: readonly Source[]): readonly string[] {
  const targets = new Map(
    sources.map((source) => [
      source.path,
      source.imports.map((target) => resolved(source, target)),
    ]),
  )
  const done = new Set<string>()
  const circles: string[] = []
  const follow = (path: string, trail: readonly string[]): void => {
    const from = trail.indexOf(path)
    if (from >= 0) circles.push([...trail.slice(from), path].join(' → '))
    if (from >= 0 || done.has(path)) return
    for (const target of targets.get(path) ?? []) follow(target, [...trail, path])
    done.add(path)
  }
  for (const { path } of sources) follow(path, [])
  return circles
}

/** `main` for src/main.ts; empty for what else lies directly in src, or outside of it. */
export function folderOf(path: string): string {
  if (path === 'src/main.ts') return 'main'
  const parts = path.split('/')
  return parts[0] === 'src' && parts.length > 2 ? (parts[1] ?? '') : ''
}

function rulesIn(line: string): readonly (readonly [string, Arrow])[] {
  const [left = '', right = ''] = line.split('──►')
  const targets = itemsOf(right).flatMap(expanded)
  const isFree = targets.includes('everything')
  const outside = targets.filter((target) => OUTSIDE.test(target))
  const inside = targets.filter((target) => !OUTSIDE.test(target))
  return itemsOf(left).map((folder) => {
    const paths = [folder, ...inside].map((path) => posix.join('src', path))
    return [folder, { isFree, paths, packages: outside }]
  })
}

/** Packages and modules of Node, which are written in parentheses. */
const OUTSIDE = /^\(.+\)$/

function itemsOf(list: string): readonly string[] {
  return list.split(/,\s*(?![^{]*\})/).map((item) => item.trim())
}

/** `a/{b,c}` is `a/b` and `a/c`. */
function expanded(item: string): readonly string[] {
  const [whole, before = '', inner = '', after = ''] = /^(.*?)\{([^{}]*)\}(.*)$/.exec(item) ?? []
  if (whole === undefined) return [item]
  return inner.split(',').flatMap((each) => expanded(before + each.trim() + after))
}

function allows(arrow: Arrow, source: Source, target: string): boolean {
  if (arrow.isFree) return true
  if (!target.startsWith('.')) return allowsOutside(arrow, target)
  const path = resolved(source, target)
  return arrow.paths.some((allowed) => path === `${allowed}.ts` || path.startsWith(`${allowed}/`))
}

function allowsOutside({ packages }: Arrow, target: string): boolean {
  if (!isBuiltin(target)) return packages.includes(`(${packageOf(target)})`)
  return packages.includes('(node)') || packages.includes(`(${target})`)
}
