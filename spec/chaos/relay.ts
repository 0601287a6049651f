// A TCP relay in front of a processor or PostgreSQL: what is behind it can be gone without losing
// anything, and can do what it is asked without its answer arriving.

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

interface Break {
  readonly how: 'reset' | 'silence'
  /** How much of the answers still arrives, bytes. */
  bytesLeft: number
}

/**
 * Open: relays. Closed: nothing listens, and every connection has been reset. Faults may overlap at
 * one relay, so it opens when each that closed it has opened it again.
 */
export class TcpRelay {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Far ends whose answers will not arrive. */
  readonly #breaks = new Map<Socket, Break>()
  /** Far ends of all connections that are open. */
  readonly #far = new Set<Socket>()
  /** Openings that are owed; a new relay waits for its first. */
  #closings = 1
  readonly #place: { readonly port: number; readonly target: number }

  /** @param place ports of the loopback: where it listens, and what it stands before. */
  constructor(place: { readonly port: number; readonly target: number }) {
    this.#place = place
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (near) =>
      this.#accept(near),
    )
  }

  get url(): string {
    return `http://127.0.0.1:${this.#place.port}`
  }

  /** Rejects when its port is taken. */
  open(): Promise<void> {
    this.#closings -= 1
    if (this.#closings > 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: '127.0.0.1', port: this.#place.port }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  /** Resolves once both ends of every connection are closed: the server knows of one only. */
  async close(): Promise<void> {
    this.#closings += 1
    if (this.#closings > 1) return
    const ended = [once(this.#server, 'close'), ...[...this.#sockets].map(closed)]
    this.#server.close()
    for (const socket of this.#sockets) reset(socket)
    await Promise.all(ended)
  }

  /**
   * What is asked next on each open connection is still done; its answer is dropped and the
   * connection reset.
   */
  loseNextAnswers(): void {
    this.breakAfter({ how: 'reset', drawBytes: () => 0 })
  }

  /**
   * Each connection that is open now passes on so many more bytes of answers; what is asked is done
   * all the same. Then it is reset, or it is silent for good, and neither side hears of the other.
   */
  breakAfter(kind: { readonly how: Break['how']; readonly drawBytes: () => number }): void {
    for (const far of this.#far) {
      this.#breaks.set(far, { how: kind.how, bytesLeft: kind.drawBytes() })
    }
  }

  #accept(near: Socket): void {
    const far = connect({ host: '127.0.0.1', port: this.#place.target, noDelay: true })
    this.#couple(near, far)
    this.#couple(far, near)
    this.#far.add(far)
    far.on('close', () => {
      this.#far.delete(far)
      this.#breaks.delete(far)
    })
    this.passOn(near, far)
    far.on('data', (chunk) => this.#answer(chunk, near, far))
    far.on('end', () => {
      if (!this.#isSilent(far)) near.end()
    })
  }

  #answer(chunk: Buffer, near: Socket, far: Socket): void {
    const breaks = this.#breaks.get(far)
    if (breaks === undefined) return passBack(chunk, near, far)
    const passed = chunk.subarray(0, breaks.bytesLeft)
    breaks.bytesLeft -= passed.length
    if (passed.length > 0) passBack(passed, near, far)
    if (breaks.bytesLeft > 0 || breaks.how === 'silence') return
    reset(near)
    reset(far)
  }

  /** What comes from the caller's side. */
  protected passOn(near: Socket, far: Socket): void {
    near.pipe(far)
  }

  /** What ends one side ends the other in the same way: an end is an end, a reset is a reset. */
  #couple(socket: Socket, other: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {
      if (!this.#isSilent(socket)) reset(other)
    })
    socket.on('close', (hadError) => {
      this.#sockets.delete(socket)
      if (!hadError && !this.#isSilent(socket)) other.destroySoon()
    })
  }

  #isSilent(socket: Socket): boolean {
    return this.#breaks.get(socket)?.how === 'silence'
  }
}

function passBack(chunk: Buffer, near: Socket, far: Socket): void {
  if (!near.writable || near.write(chunk)) return
  far.pause()
  near.once('drain', () => far.resume())
}

/** Node neither resets nor closes a socket whose end is just being sent, and then never closes it. */
export function reset(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished
  if (isEnding) socket.destroy()
  else socket.resetAndDestroy()
}

// Not `once`, which would reject when the socket fails first.
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
  })
}
