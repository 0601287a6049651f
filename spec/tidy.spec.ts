// The rules of STYLE.md that a program can check.

import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
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
import { ALL_EXCUSED, judged } from './support/excuses.ts'
import { COMPUTED, declaredIn, onlyPassesOn } from './support/syntax.ts'

const LINES_MAX = 400

/** Base names that several folders of src have, each for its own kind of the same thing. */
const TOLD_APART_BY_FOLDER: readonly string[] = [
  'context.ts', // of one payment, of one circuit
  'figures.ts',
  'look-up.ts', // a command of Pit, a route of the simulator
  'main.ts', // of Pit, of the simulator
  'ops.ts',
  'pool.ts', // of connections to PostgreSQL, to a processor
  'responder.ts', // of Pit, of the simulator
  'settings.ts',
]

/** Files of src under 40 lines, each with its reason to be alone. */
const SHORT: Readonly<Record<string, string>> = {
  'src/actors/payments/handing-back.ts': 'what an order of operators does, to be read by itself',
  'src/actors/payments/processor-controls.ts':
    'how controls reach the rest: what they are is read without it',
  'src/actors/payment/suspicion.ts': 'a count without knowledge of what is done about it',
  'src/actors/payment/logic.ts': 'chart and effects put together: each of them is read without it',
  'src/actors/supervisor/xstate-patch.ts':
    'what is done to XState is found, and goes, in one place',
  'src/actors/persistence/pending-queue.ts': 'the queue of both batchers',
  'src/cli/rejected.ts': 'one command',
  'src/cli/confirm.ts': 'a question of several commands',
  'src/cli/look-up.ts': 'one command',
  'src/cli/checks/operator-keys.ts': 'one check, as its siblings',
  'src/config/secret-file.ts': 'what a secret may be, apart from how a file is read',
  'src/console/rate-limit.ts': 'a counter without knowledge of what it counts',
  'src/console/origin-check.ts': 'a rule of security, to be read by itself',
  'src/app/usable.ts': 'what stops a start, apart from all that it starts',
  'src/http/routes/get-summary.ts': 'one route',
  'src/infra/process/node-version.ts': 'evaluated before anything else is',
  'src/infra/process/project-file.ts': 'knows where it lies itself',
  'src/infra/process/system-clock.ts': 'the only reader of the time',
  'src/infra/process/short-file.ts': 'how keys and secrets are read',
  'src/infra/redis/figures-cache.ts': 'one cache, as its siblings',
  'src/server/load-server.ts': 'the choice between two servers, which know nothing of each other',
  'src/server/uwebsockets.d.ts': 'declarations cannot stand in a module',
  'src/simulator/clock.ts': 'the port that specs turn by hand',
}
const SHORT_LINES = 40

/** Names with a word that is vague elsewhere, each with its reason. */
const ALLOWED_NAMES: Readonly<Record<string, string>> = {
  'bench/limits/compose-file.ts: service': 'the word of compose files',
  'spec/deploy/compose.spec.ts: service': 'the word of compose files',
  'spec/deploy/kubernetes.spec.ts: service': 'the word of Kubernetes',
}

const files = listFiles()
const sources = files.filter((path) => path.endsWith('.ts')).map(readSource)
const inSrc = sources.filter(({ path }) => path.startsWith('src/'))
const architecture = files.includes('ARCHITECTURE.md') ? readText('ARCHITECTURE.md') : ''
const manifest = JSON.parse(readText('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}
const installed = { ...manifest.dependencies, ...manifest.optionalDependencies }

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

t.test('each spec is run by npm test or by npm run test:proofs', async (t) => {
  const folders = (text = ''): string | undefined => /build\/spec\/\{(.+?)\}\//.exec(text)?.[1]
  const leftOut = folders(readText('.taprc').split('exclude:')[1])

  t.type(leftOut, 'string')
  t.equal(folders(manifest.scripts['test:proofs']), leftOut)
})

t.test('the environment is read by config/config.ts, to which the programs hand it', async (t) => {
  const handed = /\bread(?:Config|HttpServer|NamedPorts)\(process\.env\)/g
  const programs = ['src/main.ts', 'src/cli/addresses.ts']
  const readers = inSrc
    .filter(({ path }) => path !== 'src/config/config.ts')
    .filter(({ path, text }) => {
      const code = withoutComments(text)
      return /\bprocess\.env\b/.test(programs.includes(path) ? code.replace(handed, '') : code)
    })

  t.same(pathsOf(readers), [])
})

t.test('the first comment of each file in src says what the file is', async (t) => {
  const silent = inSrc.filter(({ text }) => !text.startsWith('// '))

  t.same(pathsOf(silent), [])
})

t.test('no comment begins with "Of", which leaves its subject to be guessed', async (t) => {
  const begins = /^\s*(?:\/\/|\/\*\*|\*) Of /m
  const pages = files.filter((path) => /^src\/console\/page\/.*\.js$/.test(path)).map(readSource)

  t.same(pathsOf([...sources, ...pages].filter(({ text }) => begins.test(text))), [])
  t.match('  /** Of the first instance. */', begins)
})

t.test(
  'a base name that occurs twice in src stands in folders that tell the two apart',
  async (t) => {
    const names = inSrc.map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
    const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index))

    t.same([...twice].toSorted(), TOLD_APART_BY_FOLDER)
  },
)

t.test(`a file of src under ${SHORT_LINES} lines has a reason to be alone`, async (t) => {
  const short = inSrc.filter(({ text }) => text.trimEnd().split('\n').length < SHORT_LINES)

  t.same(judged(pathsOf(short), SHORT), ALL_EXCUSED)
})

t.test('an exception from a rule that nothing needs any more is found', async (t) => {
  t.same(judged(['a', 'b'], { b: 'why', c: 'why' }), { unexcused: ['a'], unused: ['c'] })
})

t.test('each dependency is pinned exactly and stands in ARCHITECTURE.md', async (t) => {
  const all = Object.entries({ ...installed, ...manifest.devDependencies })
  const exact = /^(npm:[\w@/.-]+@)?\d+\.\d+\.\d+(-[\w.-]+)?$/
  const loose = all.filter(([, version]) => !exact.test(version))
  const unnamed = all.map(([name]) => name).filter((name) => !architecture.includes(`\`${name}\``))

  t.same(loose, [])
  t.same(unnamed, [])
})

t.test('each package that src imports is a dependency', async (t) => {
  const missing = inSrc.flatMap(({ path, imports }) =>
    imports
      .filter((target) => !target.startsWith('.') && !isBuiltin(target) && target !== COMPUTED)
      .filter((target) => !(packageOf(target) in installed))
      .map((target) => `${path} → ${target}`),
  )

  t.same(missing, [])
})

t.test('no file and no type has a vague name', async (t) => {
  const vague = sources.flatMap(({ path, text }) =>
    [path, ...declaredIn(path, text)].filter(isVague).map((name) => `${path}: ${name}`),
  )

  t.same(judged(vague, ALLOWED_NAMES), ALL_EXCUSED)
})

t.test('a vague word is found anywhere in the name of a file or a type', async (t) => {
  for (const name of [
    'src/utils.ts',
    'src/http/utils/a.ts',
    'src/http/time-helpers.ts',
    'src/a/common-sql.ts',
    'src/http/types.ts',
    'src/index.ts',
    'src/payment-manager.ts',
    'src/misc-text.ts',
    'PaymentManager',
    'ServiceRegistry',
    'RetryHandlerPool',
    'isHandler',
    'timeUtils',
  ]) {
    t.ok(isVague(name), name)
  }
  for (const name of ['src/infra/process/helper-threads.ts', 'lowerHelperThreads', 'handle']) {
    t.notOk(isVague(name), name)
  }
})

t.test('each chart of src is in the list of charts', async (t) => {
  const list = readSource('scripts/chart-list.ts')
  const listed = list.imports.map((target) => resolved(list, target))
  const machines = files.filter((path) => /^src\/.*\.machine\.ts$/.test(path))

  t.ok(machines.length > 5)
  t.same(
    machines.filter((path) => !listed.includes(path)),
    [],
  )
})

t.test('no file only passes on what others have', async (t) => {
  const wrong = sources.filter(({ path, text }) => onlyPassesOn(path, text))

  t.same(pathsOf(wrong), [])
  t.ok(onlyPassesOn('a.ts', "// All.\nexport { a } from './a.ts'\nexport type { B } from './b.ts'"))
  t.ok(onlyPassesOn('a.ts', "import { a } from './a.ts'\nexport { a }"))
  t.notOk(onlyPassesOn('a.ts', "export { a } from './a.ts'\nexport const b = 1"))
})

t.test('there are no enums, default exports or barrels', async (t) => {
  const forbidden =
    /^(?:export )?(?:const )?enum |^export default |^export (?:type )?\* (?:as \w+ )?from /m
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
  const missing = documents
    .filter((path) => !TELLS_THE_PAST.test(path))
    .flatMap((path) =>
      pathsIn(readText(path))
        .filter((named) => !existsSync(join(PROJECT, named)))
        .map((named) => `${path}: ${named}`),
    )

  t.ok(documents.length > 10, `${documents.length} documents`)
  t.same(broken, [])
  t.same(missing, [])
})

t.test('a dead link is found however it is written', async (t) => {
  t.same(
    linksOf('[a](./a.md) [b](b.md "B") [c][d] ![e](<e f.png>)\n\n[d]: d.md\n[g]: <g.md> "G"\n'),
    ['./a.md', 'b.md', 'e f.png', 'd.md', 'g.md'],
  )
  t.same(linksOf('`[a](a.md)` [b](https://b.example/c)'), [])
  t.same(pathsIn('`src/a.ts`, `spec/b/`, `build/c.js`, `src/<name>.ts`, `src/*.ts`, `npm test`'), [
    'src/a.ts',
    'spec/b/',
  ])
})

function pathsOf(found: readonly Source[]): readonly string[] {
  return found.map(({ path }) => path)
}

/** Documents that name files as they were. */
const TELLS_THE_PAST = /^(CHANGELOG\.md|docs\/(bench|reliability)-log\/)/

/** Paths of the project that a document names as code, without patterns. */
function pathsIn(markdown: string): readonly string[] {
  return [...withoutBlocks(markdown).matchAll(/`([^`\n]+)`/g)]
    .map(([, code = '']) => code)
    .filter((code) => /^(src|spec|bench|scripts|docs|bin|compose)\/[\w./-]*$/.test(code))
}

function isVague(name: string): boolean {
  const words = name.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? []
  const isFile = name.endsWith('.ts')
  const vague = isFile ? VAGUE_IN_FILES : VAGUE_IN_NAMES
  return words.some((word) => vague.has(word.toLowerCase()))
}

const VAGUE = ['manager', 'service', 'handler', 'util', 'utils', 'commons', 'helpers', 'misc']
const VAGUE_IN_NAMES: ReadonlySet<string> = new Set(VAGUE)
const VAGUE_IN_FILES: ReadonlySet<string> = new Set([...VAGUE, 'common', 'types', 'index'])

/** Relative targets of a document's links and pictures, outside of code. */
function linksOf(markdown: string): readonly string[] {
  const prose = withoutBlocks(markdown).replace(/`[^`\n]*`/g, '')
  const inPlace = prose.matchAll(/\]\((?:<([^>\n]+)>|([^)\s]+))(?:\s+["'(][^\n]*?["')])?\)/g)
  const byReference = prose.matchAll(/^\[[^\]\n]+\]:\s*(?:<([^>\n]+)>|(\S+))/gm)
  return [...inPlace, ...byReference]
    .map(([, quoted, plain]) => quoted ?? plain ?? '')
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
