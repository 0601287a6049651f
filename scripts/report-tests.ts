// Runs the specs by tap, with what this was called with, and writes the report of it. A test that
// cannot fail fails the run: tap itself lets it pass, and does not ask a reporter.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { createTestReport } from './test-report.ts'

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const report = createTestReport(print)
const args = ['--reporter=tap', ...process.argv.slice(2)]
const tap = spawn('tap', args, { stdio: ['inherit', 'pipe', 'inherit'] })
const closed = once(tap, 'close')
for await (const line of createInterface({ input: tap.stdout })) report.read(line)
const [code] = (await closed) as (number | null)[]
print(report.summary())
process.exitCode = code === 0 && report.empty() > 0 ? 1 : (code ?? 1)
