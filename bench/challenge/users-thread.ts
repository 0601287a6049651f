// A thread with some of the users of a heavy generator, which tells their answers.

import { parentPort, workerData } from 'node:worker_threads'
import { Burden } from '../load/weight.ts'
import type { Outcome } from '../load/tally.ts'
import type { ThreadRequest, ThreadReport } from './threaded-users.ts'
import { Users } from './users.ts'

/** Answers told together; the rest at the end. */
const TOLD_AT_ONCE = 64

let gathered: { outcome: Outcome; sentAtMs: number }[] = []
const { weight, ...options } = workerData as ThreadRequest
const burden = new Burden(weight)
const users = new Users({
  ...options,
  beforeRequest: () => burden.carryHalf(),
  onAnswer: (outcome, sentAtMs) => {
    gather(outcome, sentAtMs)
    burden.carryHalf()
  },
})

parentPort?.once('message', () => {
  // Never rejects.
  void users.run().then(() => {
    tell()
    parentPort?.close()
  })
})
parentPort?.postMessage('ready', [])

function gather(outcome: Outcome, sentAtMs: number): void {
  gathered.push({ outcome: withoutBody(outcome), sentAtMs })
  if (gathered.length >= TOLD_AT_ONCE) tell()
}

function tell(): void {
  const report: ThreadReport = { started: users.started, answers: gathered }
  parentPort?.postMessage(report, [])
  gathered = []
}

/** A message copies all that it is given, and a body lies in the socket's whole buffer. */
function withoutBody(outcome: Outcome): Outcome {
  if (outcome.kind === 'failed') return outcome
  const { kind, status, tookMs } = outcome
  return { kind, status, tookMs }
}
