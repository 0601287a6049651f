// What happened, step by step: a digest of every line, and the lines for whoever wants them.

import { createHash, type Hash } from 'node:crypto'

export class History {
  readonly #now: () => number
  readonly #print: ((line: string) => void) | undefined
  readonly #hash: Hash = createHash('sha256')
  #pending = ''
  lines = 0

  constructor(now: () => number, print?: (line: string) => void) {
    this.#now = now
    this.#print = print
  }

  note(who: string, what: string): void {
    const line = `${this.#now().toFixed(3).padStart(10)} ${who} ${what}`
    this.lines += 1
    this.#pending += `${line}\n`
    if (this.#pending.length > 4096) this.#flush()
    this.#print?.(line)
  }

  /** Of all lines so far; ends the history. */
  digest(): string {
    this.#flush()
    return this.#hash.digest('hex').slice(0, 16)
  }

  #flush(): void {
    this.#hash.update(this.#pending)
    this.#pending = ''
  }
}

/** The end of an id, which tells them apart in a simulation. */
export function short(correlationId: string): string {
  return `p${Number.parseInt(correlationId.slice(24), 16)}`
}
