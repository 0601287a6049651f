// The arrows of STYLE.md: who imports whom, and what actors take from the world.

import t from 'tap'
import { arrowsOf, circlesIn, folderOf, handedOn, wrongImports } from './support/arrows.ts'
import { listFiles, readSource, sourceOf, type Source } from './support/sources.ts'
import { COMPUTED, globalsIn } from './support/syntax.ts'

/** Time, chance, input and output, which actors have from their ports. */
const WORLD: ReadonlySet<string> = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'Date',
  'performance',
  'crypto',
  'fetch',
  'WebSocket',
  'console',
  'process',
  'require',
  'global',
  'globalThis',
  'eval',
  'Function',
])

/** Files that work out what they import, each with its reason. */
const COMPUTED_IMPORTS: Readonly<Record<string, string>> = {
  'src/cli/cli.ts': 'runs the program of a command, which reads the environment as it is imported',
}

const inSrc = listFiles('src')
  .filter((path) => path.endsWith('.ts'))
  .map(readSource)
const arrows = arrowsOf()

t.test('imports follow the arrows of STYLE.md between the folders of src', async (t) => {
  const wrong = inSrc
    .map(({ path, text, imports }) => ({
      path,
      text,
      imports: imports.filter(
        (target) => target !== COMPUTED || COMPUTED_IMPORTS[path] === undefined,
      ),
    }))
    .flatMap((source) => wrongImports(arrows, source))

  t.same(wrong, [])
})

t.test('each folder of src has its arrow, and only main.ts lies in src itself', async (t) => {
  const folders = new Set(inSrc.map(({ path }) => folderOf(path)))

  t.same([...folders].toSorted(), [...arrows.keys()].toSorted())
})

t.test('each arrow is needed by an import', async (t) => {
  const unneeded = [...arrows].flatMap(([folder, { isFree, paths, packages }]) => {
    const own = inSrc.filter(({ path }) => folderOf(path) === folder)
    const without = (name: string) =>
      new Map([
        [
          folder,
          {
            isFree: false,
            paths: paths.filter((each) => each !== name),
            packages: packages.filter((each) => each !== name),
          },
        ],
      ])
    const isNeeded = (name: string): boolean =>
      own.flatMap((source) => wrongImports(without(name), source)).length >
      own.flatMap((source) => wrongImports(arrows, source)).length
    const names = isFree ? [] : [...paths.slice(1), ...packages]
    return names
      .filter((name) => name !== `src/${folder}` && !isNeeded(name))
      .map((name) => `${folder} ──► ${name}`)
  })

  t.same(unneeded, [])
})

t.test('no file of src hands on what another folder has', async (t) => {
  t.same(inSrc.flatMap(handedOn), [])
})

t.test('there is no circle of imports in src', async (t) => {
  t.same(circlesIn(inSrc), [])
})

t.test('actors take time, chance, input and output from their ports', async (t) => {
  const wrong = inSrc
    .filter(({ path }) => folderOf(path) === 'actors')
    .flatMap(({ path, text }) => globalsIn(path, text, WORLD).map((name) => `${path}: ${name}`))

  t.same(wrong, [])
})

/** A file of the actors that imports PostgreSQL in one of the ways there are. */
const FORBIDDEN: Readonly<Record<string, string>> = {
  'an import': "import { x } from '../infra/postgres/pool.ts'",
  'an import for its effect': "import '../infra/postgres/pool.ts'",
  'an import of a type': "import type { x } from '../infra/postgres/pool.ts'",
  'a type that is imported in its place': "let x: import('../infra/postgres/pool.ts').Pool",
  'an import behind an apostrophe': "import { x /* Pit's */ } from '../infra/postgres/pool.ts'",
  'an import in double quotes': 'import { x } from "../infra/postgres/pool.ts"',
  'an export from elsewhere': "export { x } from '../infra/postgres/pool.ts'",
  'an export of everything': "export * from '../infra/postgres/pool.ts'",
  'a lazy import': "await import('../infra/postgres/pool.ts')",
  'a lazy import of a template': 'await import(`../infra/postgres/pool.ts`)',
  'a lazy import that is worked out': 'await import(path)',
  'a require': "createRequire(import.meta.url)('../infra/postgres/pool.ts')",
  'a require under its own name': "require('pg')",
  'a module of Node': "import { connect } from 'node:net'",
  'a package': "import pg from 'pg'",
}

for (const [way, text] of Object.entries(FORBIDDEN)) {
  t.test(`${way} that has no arrow is found`, async (t) => {
    t.equal(wrongImports(arrows, sourceOf('src/actors/a.ts', text)).length, 1)
  })
}

t.test('what only looks like an import is none', async (t) => {
  const text = `
    // import { x } from '../infra/postgres/pool.ts'
    const text = "import { x } from '../infra/postgres/pool.ts'"
    import { assertIs } from './b.ts'`

  t.same(wrongImports(arrows, sourceOf('src/actors/a.ts', text)), [])
})

t.test('a file of a folder without an arrow, or in src itself, may not be', async (t) => {
  for (const path of ['src/anew/a.ts', 'src/anew.ts']) {
    t.same(wrongImports(arrows, sourceOf(path, '')), [`${path} has no arrow`])
  }
})

t.test('a name that is handed on from another folder is found', async (t) => {
  const handed = (text: string): readonly string[] => handedOn(sourceOf('src/http/a.ts', text))

  t.equal(handed("export { x } from '../infra/a.ts'").length, 1)
  t.equal(handed("export type { x } from '../infra/a.ts'").length, 1)
  t.equal(handed("import { x } from '../infra/a.ts'\nexport { x as y }").length, 1)
  t.equal(handed("export { x } from './b.ts'\nexport const y = 1").length, 0)
})

t.test('a circle is found, also when it is closed by a lazy import', async (t) => {
  const files: readonly Source[] = [
    sourceOf('src/app/a.ts', "import { b } from './b.ts'"),
    sourceOf('src/app/b.ts', "await import('./c.ts')"),
    sourceOf('src/app/c.ts', "import { a } from './a.ts'"),
  ]

  t.same(circlesIn(files), ['src/app/a.ts → src/app/b.ts → src/app/c.ts → src/app/a.ts'])
  t.same(circlesIn(files.slice(0, 2)), [])
})

t.test('what an actor takes from the world is found in each of its forms', async (t) => {
  const found = (text: string): readonly string[] => globalsIn('a.ts', text, WORLD)

  for (const use of [
    'fetch(url)',
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'setImmediate(f)',
    'new Date()',
    'Date()',
    'Date.now()',
    'performance.now()',
    'crypto.randomUUID()',
    'Math.random()',
    'globalThis.fetch(url)',
    "globalThis['fetch'](url)",
    'process.hrtime()',
    'console.log(1)',
    'const { random } = Math',
    "Math['random']()",
    'const { fetch: ask } = globalThis',
    'const later = setTimeout',
    'f({ now: Date.now })',
    'process.env.A',
    'f({ fetch })',
  ]) {
    t.ok(found(use).length > 0, use)
  }
  for (const own of [
    'clock.setTimeout(f, 1)',
    'interface Clock { setTimeout(f: () => void): void }',
    "// a new Date() here\nconst text = 'fetch()'",
    'Math.max(1, 2)',
    'const ports = { fetch: 1 }',
  ]) {
    t.same(found(own), [], own)
  }
})
