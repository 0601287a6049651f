// Writes docs/openapi.json, the API's description as a file, or says that it is out of date.
//
//   node build/scripts/openapi.js [--check] [--file FILE]

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeApi } from '../src/http/openapi/openapi.ts'
import { readVersion } from '../src/infra/process/project-file.ts'

const { values } = parseArgs({
  options: { check: { type: 'boolean' }, file: { type: 'string', default: 'docs/openapi.json' } },
})
const before = existsSync(values.file) ? readFileSync(values.file, 'utf8') : ''
const after = `${JSON.stringify(describeApi(readVersion()), null, 2)}\n`

if (after !== before && values.check) {
  process.stderr.write(`${values.file} has an old description of the API\n`)
  process.exitCode = 1
} else if (after !== before) {
  writeFileSync(values.file, after)
  process.stdout.write(`written: ${values.file}\n`)
}
