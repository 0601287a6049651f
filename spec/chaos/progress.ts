// Shows a chaos run on the terminal and writes its faults into a log beside those of the processes.

import { appendFileSync } from 'node:fs'
import { StatusLine, type ProgressStream } from '../../bench/load/status-line.ts'

const PLAIN_INTERVAL_MS = 10_000

export class ChaosProgress {
  readonly #line: StatusLine
  readonly #logFile: string

  constructor(options: { readonly stream: ProgressStream; readonly logFile: string }) {
    this.#line = new StatusLine(options.stream, PLAIN_INTERVAL_MS)
    this.#logFile = options.logFile
  }

  /** A line for people. */
  say(text: string): void {
    this.#line.say(text)
    this.log(text)
  }

  /** A line for the log only. */
  log(text: string): void {
    appendFileSync(this.#logFile, `${new Date().toISOString()} ${text}\n`)
  }

  /** Shows what `read` says from time to time until `stop`. */
  show(read: () => string): void {
    this.#line.show(read)
  }

  stop(): void {
    this.#line.stop()
  }
}
