// Reads the TAP of a run from stdin and writes the report of it; `npm test` hands this to tap, whose
// exit code tells whether the run failed.

import { createInterface } from 'node:readline'
import { createTestReport } from './test-report.ts'

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const report = createTestReport(print)
for await (const line of createInterface({ input: process.stdin })) report.read(line)
print(report.summary())
