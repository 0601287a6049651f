// Reads what the local layout needs of docker-compose.yml. Only the part of YAML which that file
// uses is understood: nested maps by indentation, scalars, lists (skipped), `&name` on a map
// and `<<: *name` in one. Anything else stops with the line's number.

import { readFileSync } from 'node:fs'

/** One service, merged with what it inherits. */
export interface ComposeEntry {
  readonly environment: Readonly<Record<string, string>>
  /** As written in deploy.resources.limits. */
  readonly cpus: string | undefined
  readonly memory: string | undefined
  /** As written in one line; undefined for what always runs. */
  readonly profiles: string | undefined
}

type Node = string | Branch
interface Branch {
  [key: string]: Node
}

/** Services by name, in the file's order. Throws on a line that it cannot read. */
export function readCompose(path: string): Readonly<Record<string, ComposeEntry>> {
  const services = childOf(parse(readFileSync(path, 'utf8'), path), 'services')
  const found: Record<string, ComposeEntry> = {}
  for (const name of Object.keys(services)) {
    const service = childOf(services, name)
    const limits = childOf(childOf(childOf(service, 'deploy'), 'resources'), 'limits')
    found[name] = {
      environment: scalarsOf(childOf(service, 'environment')),
      cpus: scalarOf(limits['cpus']),
      memory: scalarOf(limits['memory']),
      profiles: scalarOf(service['profiles']),
    }
  }
  return found
}

function parse(text: string, path: string): Branch {
  const root: Branch = {}
  const anchors = new Map<string, Branch>()
  const open: { indent: number; branch: Branch }[] = [{ indent: -1, branch: root }]
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/(^|\s)#.*$/, '').trimEnd()
    if (line.trim() === '' || line.trim().startsWith('- ')) continue
    const match = /^( *)([\w.<-]+):(?:\s+(.*))?$/.exec(line)
    if (match === null) throw new Error(`${path}:${index + 1} is beyond this reader: ${line}`)
    const indent = (match[1] ?? '').length
    while ((open.at(-1)?.indent ?? -1) >= indent) open.pop()
    const parent = open.at(-1)?.branch ?? root
    const branch = place(parent, { key: match[2] ?? '', value: match[3] ?? '', anchors })
    if (branch !== undefined) open.push({ indent, branch })
  }
  return root
}

/** Puts one line into its parent; answers the map that deeper lines belong to, if it opens one. */
function place(
  parent: Branch,
  line: { key: string; value: string; anchors: Map<string, Branch> },
): Branch | undefined {
  const { key, value, anchors } = line
  if (key === '<<') {
    Object.assign(parent, anchors.get(value.slice(1)) ?? unknownAnchor(value))
    return undefined
  }
  if (value !== '' && !value.startsWith('&')) {
    parent[key] = value.replace(/^(["'])(.*)\1$/, '$2')
    return undefined
  }
  const branch: Branch = {}
  parent[key] = branch
  if (value !== '') anchors.set(value.slice(1), branch)
  return branch
}

function unknownAnchor(value: string): never {
  throw new Error(`compose file: ${value} is not defined above its use`)
}

function childOf(branch: Branch, key: string): Branch {
  const child = branch[key]
  return typeof child === 'object' ? child : {}
}

function scalarOf(node: Node | undefined): string | undefined {
  return typeof node === 'string' ? node : undefined
}

function scalarsOf(branch: Branch): Record<string, string> {
  const entries = Object.entries(branch).filter(([, node]) => typeof node === 'string')
  return Object.fromEntries(entries) as Record<string, string>
}
