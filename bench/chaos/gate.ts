// A TCP relay in front of a processor, so that the processor can be gone without losing its ledger.

import { connect, createServer, type Server, type Socket } from 'node:net'

/** Open: relays. Closed: nothing listens, and every connection has been reset. */
export class Gate {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #place: { readonly port: number; readonly target: number }

  /** @param place ports of the loopback: where it listens, and what it stands before. */
  constructor(place: { readonly port: number; readonly target: number }) {
    this.#place = place
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => this.#relay(near))
  }

  get url(): string {
    return `http://127.0.0.1:${this.#place.port}`
  }

  /** Rejects when its port is taken. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host: '127.0.0.1', port: this.#place.port }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const socket of this.#sockets) socket.resetAndDestroy()
    })
  }

  #relay(near: Socket): void {
    const far = connect({ host: '127.0.0.1', port: this.#place.target, noDelay: true })
    this.#couple(near, far)
    this.#couple(far, near)
    near.pipe(far)
    far.pipe(near)
  }

  /** What ends one side ends the other in the same way: an end is an end, a reset is a reset. */
  #couple(socket: Socket, other: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => other.resetAndDestroy())
    socket.on('close', (hadError) => {
      this.#sockets.delete(socket)
      if (!hadError) other.destroySoon()
    })
  }
}
