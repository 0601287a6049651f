// Whether Pit starts, takes payments, starts again, shows its console and stops on each supported
// Node besides this one, which runs all specs; and whether it refuses one that is too old.
//
//   node build/scripts/nodes.js
//
// The binaries come from npm and are kept in build/nodes. One that cannot be had fails the run.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { projectFile } from '../src/infra/process/project-file.ts'
import { PINNED_NODES, REFUSED_NODE } from './pinned-nodes.ts'

/** The longest first: they run two at a time. */
const SPECS: readonly string[] = [
  'system/main',
  'http/server',
  'http/hostile-requests',
  'http/listen',
  'http/ops',
  'server/web-servers',
  'console/contained',
]
const AT_ONCE = 2

/** Time for one spec, after which tap ends it itself, and for one download, ms. */
const SPEC_TIMEOUT_MS = 600_000
const INSTALL_TIMEOUT_MS = 300_000

/** So much of what a failed one printed is shown, characters. */
const SHOWN_MAX = 8000

const NOT_INSTALLED = 'it cannot be had from npm'

await main()

async function main(): Promise<void> {
  const own = process.versions.node.split('.')[0]
  for (const [major, version] of Object.entries(PINNED_NODES)) {
    if (major !== own) await onNode(version, tryOn)
  }
  await onNode(REFUSED_NODE, refusedBy)
}

/** A try tells what went wrong, one text each. */
async function onNode(
  version: string,
  attempt: (node: string) => Promise<readonly string[]>,
): Promise<void> {
  const from = performance.now()
  const node = await installed(version)
  const faults = node === undefined ? [NOT_INSTALLED] : await attempt(node)
  const seconds = ((performance.now() - from) / 1000).toFixed(0)
  const verdict = faults.length === 0 ? 'ok' : 'FAILED'
  process.stdout.write(`Node ${version}: ${verdict} (${seconds} s)\n`)
  for (const fault of faults) process.stdout.write(`${fault}\n`)
  if (faults.length > 0) process.exitCode = 1
}

/** The program, downloaded once; undefined where that does not succeed. */
async function installed(version: string): Promise<string | undefined> {
  const name = binaryPackage()
  const folder = projectFile(join('build/nodes', version))
  const node = join(folder, 'node_modules', name, 'bin/node')
  if (existsSync(node)) return node
  mkdirSync(folder, { recursive: true })
  const quiet = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts']
  const args = ['install', '--prefix', folder, ...quiet, `${name}@${version}`]
  const { code, output } = await run('npm', args, INSTALL_TIMEOUT_MS)
  if (code !== 0) process.stdout.write(output)
  return existsSync(node) ? node : undefined
}

/** What the package `node` installs on this platform. */
function binaryPackage(): string {
  const { arch, platform } = process
  return `${platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node'}-${platform}-${arch}`
}

async function tryOn(node: string): Promise<readonly string[]> {
  const [left, faults]: [string[], string[]] = [[...SPECS], []]
  const next = async (): Promise<void> => {
    for (let spec = left.shift(); spec !== undefined; spec = left.shift()) {
      const file = projectFile(`build/spec/${spec}.spec.js`)
      const { code, output } = await run(node, [file], SPEC_TIMEOUT_MS)
      if (code !== 0) faults.push(`${spec} ended with ${code}:\n${output.slice(-SHOWN_MAX)}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, next))
  return faults
}

async function refusedBy(node: string): Promise<readonly string[]> {
  const { code, output } = await run(node, [projectFile('dist/main.js')], SPEC_TIMEOUT_MS)
  if (code === 1 && /^pit: this is Node [^\n]*\n$/.test(output)) return []
  return [`it is not refused: ended with ${code}:\n${output}`]
}

interface Ended {
  /** A signal's name after a timeout. */
  readonly code: number | string
  readonly output: string
}

function run(program: string, args: readonly string[], timeout: number): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, TAP_TIMEOUT: String(SPEC_TIMEOUT_MS / 1000 - 30) }
    execFile(program, args, { timeout, env, maxBuffer: 64 * 1024 ** 2 }, (error, out, err) => {
      const code = error?.code ?? error?.signal ?? (error === null ? 0 : 1)
      resolve({ code, output: out + err })
    })
  })
}
