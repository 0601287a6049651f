// A viewer of one of Pit's live streams: reads everything as it comes, or nothing at all.

import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'

export interface StreamViewer {
  /** What has been read so far, frames and all. */
  readonly bytes: number
  leave(): void
}

export interface ViewerPlan {
  readonly port: number
  readonly path: string
  /** `nothing`: it stays connected with a full receive buffer, as a stopped browser does. */
  readonly reads: 'everything' | 'nothing'
}

/** For the stream to be opened, ms. */
const OPEN_WITHIN_MS = 5_000
/** Between two signs of life; Pit gives up on viewers that are silent for 30 s. */
const ALIVE_EVERY_MS = 10_000
/** An unsolicited pong, masked with zeros. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])

/** What it reads is counted and not parsed, so that it costs the load's process little. */
export function watchStream({ port, path, reads }: ViewerPlan): Promise<StreamViewer> {
  const socket = connect({ host: '127.0.0.1', port })
  let bytes = 0
  const alive = setInterval(() => socket.write(PONG), ALIVE_EVERY_MS)
  const leave = (): void => {
    clearInterval(alive)
    socket.destroy()
  }
  // Seen as a close; unheard it would end the process.
  socket.on('error', () => undefined)
  socket.on('close', leave)
  socket.write(openingOf(port, path))
  return new Promise((resolve, reject) => {
    const fail = (cause: string): void => {
      leave()
      reject(new Error(`bench: ${path} on port ${port}: ${cause}`))
    }
    const timer = setTimeout(() => fail('no answer'), OPEN_WITHIN_MS)
    socket.once('close', () => fail('closed'))
    socket.once('data', (head) => {
      clearTimeout(timer)
      if (!head.subarray(0, STATUS.length).equals(STATUS)) return fail('no stream')
      if (reads === 'nothing') socket.pause()
      else socket.on('data', (chunk) => (bytes += chunk.length))
      const viewer: StreamViewer = {
        get bytes() {
          return bytes
        },
        leave,
      }
      resolve(viewer)
    })
  })
}

const STATUS = Buffer.from('HTTP/1.1 101')

function openingOf(port: number, path: string): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}
