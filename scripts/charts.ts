// Draws the listed charts into docs/CHARTS.md, or says which are out of date.
//
//   node build/scripts/charts.js [--check] [--page FILE]

import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { charts } from './chart-list.ts'
import { updatePage } from './chart-page.ts'

const { values } = parseArgs({
  options: { check: { type: 'boolean' }, page: { type: 'string', default: 'docs/CHARTS.md' } },
})
const before = readFileSync(values.page, 'utf8')
const { text, stale, missing, unknown } = updatePage(before, charts)

for (const name of missing) complain(`${values.page} has no markers for the chart ${name}`)
for (const name of unknown) complain(`${values.page} names a chart that is not there: ${name}`)
if (values.check) {
  for (const name of stale) complain(`${values.page} shows an old chart: ${name}`)
} else if (stale.length > 0) {
  writeFileSync(values.page, text)
  process.stdout.write(`drawn anew: ${stale.join(', ')}\n`)
}
const faults = missing.length + unknown.length + (values.check ? stale.length : 0)
if (faults > 0) process.exitCode = 1

function complain(text: string): void {
  process.stderr.write(`${text}\n`)
}
