// npm run bench:table: results of benchmarks, as their --json wrote them, as Markdown.

import { readFileSync } from 'node:fs'
import type { Report } from './measure/report.ts'
import { formatReport } from './measure/table.ts'

const files = process.argv.slice(2)
if (files.length === 0 || files.includes('--help')) {
  process.stdout.write(
    'npm run bench:table -- FILE…\n\nPrints results of benchmarks as Markdown.\n',
  )
} else {
  const reports = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report)
  process.stdout.write(`${reports.map(formatReport).join('\n\n')}\n`)
}
