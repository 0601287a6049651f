// Writes docs/CONFIGURATION.md from the declarations in src/config, or says that it is out of date.
//
//   node build/scripts/config.js [--check] [--page FILE]

import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { updatePage } from './config-page.ts'

const { values } = parseArgs({
  options: {
    check: { type: 'boolean' },
    page: { type: 'string', default: 'docs/CONFIGURATION.md' },
  },
})
const before = readFileSync(values.page, 'utf8')
const after = updatePage(before)

if (after === undefined) complain(`${values.page} has no markers for the settings and their rules`)
else if (after !== before && values.check) complain(`${values.page} shows old settings or rules`)
else if (after !== before) {
  writeFileSync(values.page, after)
  process.stdout.write(`written: ${values.page}\n`)
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`)
  process.exitCode = 1
}
