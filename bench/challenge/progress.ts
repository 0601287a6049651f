// Shows a run of the challenge on the terminal.

import { StatusLine, type ProgressStream } from '../load/status-line.ts'
import type { ChallengeListener, ChallengeStatus } from './load.ts'

const PLAIN_INTERVAL_MS = 5_000

export class TerminalProgress implements ChallengeListener {
  readonly #line: StatusLine
  readonly #seconds: number

  /** @param options.seconds length of the load. */
  constructor(options: { readonly stream: ProgressStream; readonly seconds: number }) {
    this.#line = new StatusLine(options.stream, PLAIN_INTERVAL_MS)
    this.#seconds = options.seconds
  }

  onNote(note: string): void {
    this.#line.say(note)
  }

  onLoadStarted(read: () => ChallengeStatus): void {
    this.#line.show(() => formatStatus(read(), this.#seconds))
  }

  onLoadEnded(): void {
    this.#line.stop()
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
