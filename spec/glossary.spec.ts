// The words of STYLE.md's glossary: no file has one that it replaced.

import t from 'tap'
import { ALL_EXCUSED, judged, type Excuses } from './support/excuses.ts'
import { foundWords, replacedWords } from './support/glossary.ts'
import { listFiles, readSource } from './support/sources.ts'

/** Words of the glossary's last column that a file may have, each with its reason. */
const ALLOWED_WORDS: Excuses = {
  'bench/actors.ts: job': 'a process of a benchmark',
  'bench/actors/job.ts: job': 'a process of a benchmark',
  'bench/inspect/actor-case.ts: job': 'a process of a benchmark',
  'bench/inspect/actor-job.ts: job': 'a process of a benchmark',
  'bench/routing/command.ts: job': 'the option --jobs',
  'bench/routing/study-job.ts: job': 'one of --jobs',
  'bench/routing/study.ts: job': 'one of --jobs',
  'scripts/mutate.ts: job': 'the option --jobs',
  'spec/bench/routing.spec.ts: job': 'the option --jobs',
  'spec/console/figures.spec.ts: flows': 'version 0.1.0 publishes it',
  'spec/simulation/answers.spec.ts: gateway': 'what stands before a processor',
  'spec/simulation/main.ts: job': 'the option --jobs',
  'spec/simulation/seed-worker.ts: job': 'one of --jobs',
  'spec/simulation/seeds.ts: job': 'one of --jobs',
  'src/console/figures.ts: flows': 'version 0.1.0 publishes it',
}

/** The two files that have the words on purpose. */
const HAS_WORDS = /^spec\/(glossary\.spec|support\/glossary)\.ts$/

t.test(
  'no name and no comment of src, spec, bench and scripts has a word that the glossary replaced',
  async (t) => {
    const words = replacedWords()
    const files = listFiles()
    const sources = files.filter((path) => path.endsWith('.ts')).map(readSource)
    const pages = files.filter((path) => /^src\/console\/page\/.*\.js$/.test(path)).map(readSource)
    const checked = [...sources, ...pages].filter(
      ({ path }) => /^(src|spec|bench|scripts)\//.test(path) && !HAS_WORDS.test(path),
    )
    const found = checked.flatMap((source) =>
      foundWords(source, words).map((word) => `${source.path}: ${word}`),
    )

    t.ok(words.length > 15, words.join(' '))
    t.same(judged(found, ALLOWED_WORDS), ALL_EXCUSED)
  },
)

t.test('each word that the glossary replaced is found in a file that has it', async (t) => {
  for (const word of replacedWords()) {
    t.same(foundWords({ path: 'a.ts', text: word, imports: [] }, [word]), [word])
  }
})

t.test('a word that the glossary replaced is found in names and comments', async (t) => {
  const words = ['lane', 'view', 'look']
  const found = (text: string, path = 'src/a.ts'): readonly string[] =>
    foundWords({ path, text, imports: [] }, words)

  t.same(found('const acceptLane = 1'), ['lane'])
  t.same(found('// Two lanes'), ['lane'])
  t.same(found('interface CircuitView {}\nconst LOOK_MS = 1'), ['view', 'look'])
  t.same(found('', 'src/circuit-view.ts'), ['view'])
  t.same(foundWords({ path: 'a', text: 'boxes, proxies', imports: [] }, ['box', 'proxy']), [
    'box',
    'proxy',
  ])
  for (const text of ['const warmUpRun = 1', '// The warm-up runs', "'a Warm-up run'"]) {
    t.same(foundWords({ path: 'a', text, imports: [] }, ['warm-up run']), ['warm-up run'], text)
  }
  t.same(
    found("// It looks well.\nconst lookUp = 'in view'\nconst viewer = { lane: 'accept' }"),
    [],
  )
})
