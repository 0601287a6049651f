// Shows a run on the terminal: one line that changes, or plain lines where nothing can change.

import type { WriteStream } from 'node:tty'
import type { ChallengeListener, ChallengeStatus } from './load.ts'

/** What `process.stderr` is: a terminal or not. */
export type ProgressStream = Pick<WriteStream, 'write'> & { readonly isTTY?: boolean }

export class TerminalProgress implements ChallengeListener {
  readonly #stream: ProgressStream
  readonly #seconds: number
  #timer: NodeJS.Timeout | undefined

  /** @param options.seconds length of the load. */
  constructor(options: { readonly stream: ProgressStream; readonly seconds: number }) {
    this.#stream = options.stream
    this.#seconds = options.seconds
  }

  onNote(note: string): void {
    this.#stream.write(`${this.#lineStart}${note}\n`)
  }

  onLoadStarted(read: () => ChallengeStatus): void {
    const isTerminal = this.#stream.isTTY === true
    this.#timer = setInterval(
      () => {
        const line = formatStatus(read(), this.#seconds)
        this.#stream.write(`${this.#lineStart}${line}${isTerminal ? '' : '\n'}`)
      },
      isTerminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS,
    )
  }

  onLoadEnded(): void {
    clearInterval(this.#timer)
    this.#stream.write(this.#lineStart)
  }

  /** On a terminal: back to the line's start, and clears it. */
  get #lineStart(): string {
    return this.#stream.isTTY === true ? '\r\u001B[K' : ''
  }
}

function formatStatus(status: ChallengeStatus, seconds: number): string {
  const disagreeing = status.checks.filter((check) => !check.agree).length
  return [
    `${Math.floor(status.elapsedMs / 1000)}/${seconds} s`,
    `${status.users} users`,
    `${status.accepted} accepted`,
    `${status.failed} failed`,
    `p99 ${status.p99Ms.toFixed(2)} ms`,
    `${status.checks.length} checks, ${disagreeing} disagreeing`,
  ].join('  ')
}

const TERMINAL_INTERVAL_MS = 500
const PLAIN_INTERVAL_MS = 5_000
