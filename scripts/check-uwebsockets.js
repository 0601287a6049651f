// Whether this Node will do, a compiler is there, and whether what it loads of uWebSockets.js is what the project has
// looked at: the SHA-256 of each file stands in uwebsockets.sha256, as sha256sum writes it.
// docs/UWEBSOCKETS.md has the rest.
//
//   node scripts/check-uwebsockets.js [FOLDER OF THE PACKAGE]
//
// Runs before each build, and so it is not compiled, and says of an old Node by itself what
// src/infra/process/node-version.ts says. Of a package that was left out, or has no
// binary for this Node, there is nothing to check: Pit runs on node:http then.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const { argv, arch, platform, versions } = process
const scripts = fileURLToPath(new URL('.', import.meta.url))
refuseOldNode(readFileSync(join(scripts, '../package.json'), 'utf8'))
refuseWithoutCompiler(join(scripts, '../node_modules/typescript'))

const packageFolder = argv[2] ?? join(scripts, '../node_modules/uWebSockets.js')
const loaded = ['uws.js', 'ESM_wrapper.mjs', `uws_${platform}_${arch}_${versions.modules}.node`]

const lines = readFileSync(join(scripts, 'uwebsockets.sha256'), 'utf8').trim()
const recorded = new Map(lines.split('\n').map((line) => [line.slice(66), line.slice(0, 64)]))

for (const file of loaded.map((name) => join(packageFolder, name)).filter(existsSync)) {
  const found = createHash('sha256').update(readFileSync(file)).digest('hex')
  const expected = recorded.get(file.slice(packageFolder.length + 1)) ?? 'missing'
  if (found === expected) continue
  process.stderr.write(
    `uWebSockets.js: ${file} is not what Pit was tried with: its SHA-256 is ${found}, ` +
      `in scripts/uwebsockets.sha256 it is ${expected}; docs/UWEBSOCKETS.md says what to do\n`,
  )
  process.exitCode = 1
}

function refuseWithoutCompiler(folder) {
  if (existsSync(folder)) return
  process.stderr.write(
    'pit: no compiler is installed here: npx pit start runs what was built, npm ci brings the compiler\n',
  )
  process.exit(1)
}

function refuseOldNode(packageJson) {
  const { engines } = JSON.parse(packageJson)
  const [oldest, ...newer] = [...engines.node.matchAll(/\d[\d.]*/g)].map(([version]) => version)
  const [wanted, given] = [oldest, versions.node].map((version) => version.split('.').map(Number))
  const at = wanted.findIndex((number, index) => given[index] !== number)
  if (at === -1 || given[at] > wanted[at]) return
  const majors = `${[wanted[0], ...newer.slice(0, -1)].join(', ')} or ${newer.at(-1)}`
  const least = `and of ${wanted[0]} at least ${oldest}`
  process.stderr.write(`pit: this is Node ${versions.node}, Pit needs ${majors}, ${least}\n`)
  process.exit(1)
}
