// Puts slips into modules, one at a time, and shows which of them no spec notices.
//
//   node build/scripts/mutate.js [--jobs 2] --all | PATH[:FROM-TO] …

import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DECIDING, readDeciding } from './mutation/deciding.ts'
import { runModule, type Target } from './mutation/module-run.ts'
import { SCORE_MIN, scoreOf, survivorLines, tableOf, type Score } from './mutation/report.ts'

const { values, positionals } = parseArgs({
  options: { all: { type: 'boolean' }, jobs: { type: 'string', default: '2' } },
  allowPositionals: true,
})
const root = process.cwd()
const deciding = readDeciding(root)
const asked = values.all === true ? Object.keys(deciding) : positionals
if (asked.length === 0) throw new Error('name modules, or --all')

const build = join(root, 'coverage', `mutation-${process.pid}`)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(1))
}
process.on('exit', () => rmSync(build, { recursive: true, force: true }))
mkdirSync(build, { recursive: true })
cpSync(join(root, 'build'), build, { recursive: true })

const scores: Score[] = []
for (const target of asked.map(readTarget)) {
  const result = await runModule(target, { root, build, atOnce: Number(values.jobs) })
  for (const line of survivorLines(result)) print(line)
  for (const spec of result.failing) complain(`${spec} fails, or takes too long, without any slip`)
  for (const { from, to } of result.stale) {
    complain(`${DECIDING}: ${target.module} has no such slip any more: ${from}  →  ${to}`)
  }
  const score = scoreOf(result)
  print(tableOf([score]))
  scores.push(score)
  if (score.percent < SCORE_MIN) process.exitCode = 1
}
if (scores.length > 1) print(tableOf(scores))

/** `PATH` or `PATH:FROM-TO`. */
function readTarget(text: string): Target {
  const [, module = '', from = '1', to = 'Infinity'] = /^(.*?)(?::(\d+)-(\d+))?$/.exec(text) ?? []
  const equivalents = deciding[module] ?? []
  return { module, fromLine: Number(from), toLine: Number(to), equivalents }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`)
  process.exitCode = 1
}
