// A DNS server of a spec's own: answers what it was told to, and can be silent about a name.

import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import type { Test } from 'tap'

/** A name's addresses; `silent`: no answer ever; `failing`: SERVFAIL. Others do not exist. */
export type Zone = Record<string, readonly string[] | 'silent' | 'failing'>

export interface NameServer {
  /** `address:port` for a resolver. */
  readonly server: string
  /** May be changed at any time. */
  readonly zone: Zone
  /** Names asked for, once for each question of either family. */
  readonly asked: string[]
}

/** Closed at the test's end. */
export async function startNameServer(t: Test, zone: Zone): Promise<NameServer> {
  const { close, ...server } = await openNameServer(zone)
  t.teardown(close)
  return server
}

export async function openNameServer(zone: Zone): Promise<NameServer & { close(): void }> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (message, from: RemoteInfo) => {
    const question = readQuestion(message)
    asked.push(question.name)
    const known = zone[question.name]
    if (known === 'silent') return
    socket.send(answerTo(message, question, known), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const server = `127.0.0.1:${socket.address().port}`
  return { server, zone, asked, close: () => socket.close() }
}

interface Question {
  readonly name: string
  /** 1 for IPv4, 28 for IPv6. */
  readonly type: number
  /** Where it ends in the message, bytes. */
  readonly end: number
}

const HEADER_BYTES = 12

function readQuestion(message: Buffer): Question {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 }
}

const SERVER_FAILURE = 2
const NO_SUCH_NAME = 3
const AAAA = 28

function answerTo(
  message: Buffer,
  { type, end }: Question,
  known: readonly string[] | 'failing' | undefined,
): Buffer {
  const isList = typeof known === 'object'
  const addresses = isList ? known.filter((each) => isIPv6(each) === (type === AAAA)) : []
  const header = Buffer.alloc(HEADER_BYTES)
  message.copy(header, 0, 0, 2)
  // A response, recursion desired and available, and its code.
  header.writeUInt16BE(
    0x8180 | (isList ? 0 : known === 'failing' ? SERVER_FAILURE : NO_SUCH_NAME),
    2,
  )
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(addresses.length, 6)
  const records = addresses.map((address) => recordOf(type, address))
  return Buffer.concat([header, message.subarray(HEADER_BYTES, end), ...records])
}

/** By a pointer to the name of the question; class IN, 60 s. */
function recordOf(type: number, address: string): Buffer {
  const data = type === AAAA ? bytesOfV6(address) : Buffer.from(address.split('.').map(Number))
  const head = Buffer.from([0xc0, HEADER_BYTES, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length])
  return Buffer.concat([head, data])
}

/** Reads `::n` alone, which is all that specs need. */
function bytesOfV6(address: string): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt16BE(Number.parseInt(address.replace('::', ''), 16), 14)
  return bytes
}
