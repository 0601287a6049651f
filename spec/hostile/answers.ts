// Reads the statuses of answers off a connection, however they are cut into pieces.

const HEAD_END = Buffer.from('\r\n\r\n')
const STATUS = /^HTTP\/1\.1 (\d{3})/
const LENGTH = /\r\ncontent-length: *(\d{1,9}) *(?:\r\n|$)/i
const CHUNKED = /\r\ntransfer-encoding:/i
const CLOSE = /\r\nconnection: *close/i
const CHUNKS_END = Buffer.from('0\r\n\r\n')

export class AnswerReader {
  /** Of the whole answers so far, in their order; -1 for what is no answer. */
  readonly statuses: number[] = []
  /** Whether the other side means to close the connection. */
  isLast = false
  readonly #asks: 'bodies' | 'head'
  #held: Buffer = Buffer.alloc(0)

  /** @param asks `head`: answers have no bodies, whatever length they tell. */
  constructor(asks: 'bodies' | 'head') {
    this.#asks = asks
  }

  /** Whether bytes are left over that are no whole answer. */
  get isPartial(): boolean {
    return this.#held.length > 0
  }

  push(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    while (this.#held.length > 0 && this.#readOne());
  }

  #readOne(): boolean {
    const headEnd = this.#held.indexOf(HEAD_END)
    if (headEnd < 0) return false
    const head = this.#held.toString('latin1', 0, headEnd)
    const status = Number(STATUS.exec(head)?.[1] ?? -1)
    const end = status < 0 ? this.#held.length : this.#endOf(head, headEnd + HEAD_END.length)
    if (end === undefined || this.#held.length < end) return false
    this.#held = this.#held.subarray(end)
    // 100 Continue is a preface.
    if (status < 0 || status >= 200) this.statuses.push(status)
    this.isLast ||= CLOSE.test(head)
    return true
  }

  #endOf(head: string, bodyAt: number): number | undefined {
    if (this.#asks === 'head' || head.startsWith('HTTP/1.1 100')) return bodyAt
    if (CHUNKED.test(head)) {
      const end = this.#held.indexOf(CHUNKS_END, bodyAt)
      return end < 0 ? undefined : end + CHUNKS_END.length
    }
    return bodyAt + Number(LENGTH.exec(head)?.[1] ?? 0)
  }
}
