// Hostile clients at once: those that send one payload after the other, and those that take their
// time with slow and endless bodies, heads that never end, and silence.

import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Target } from '../../bench/load/target.ts'
import type { Chance } from '../simulation/chance.ts'
import type { AskedPayments } from './books.ts'
import { AnswerReader, sendUntilHeard, open, type SendResult, RawConnection } from './connection.ts'
import { pickKind } from './kinds.ts'
import { type Draw, drawPayment, HOST, JSON_TYPE, type Payment, plain, post } from './payload.ts'
import type { HostileTally } from './report.ts'

export interface AttackOptions {
  /** Each client keeps to one of them; all have as many. */
  readonly targets: readonly Target[]
  readonly clients: number
  /** Requests in all. */
  readonly requests: number
  readonly chance: Chance
  readonly asked: AskedPayments
  readonly tally: HostileTally
}

/** Resolves once all requests were made. */
export async function attack(options: AttackOptions): Promise<void> {
  const left = { requests: options.requests }
  const { chance, asked } = options
  const draw: Draw = { chance, known: () => asked.known(chance.next()) }
  const all = Array.from({ length: Math.ceil(options.clients / options.targets.length) }, () =>
    options.targets.map((target) => attackOne(options, draw, { target, left })),
  )
  await Promise.all(all.flat())
}

async function attackOne(
  { asked, tally }: AttackOptions,
  draw: Draw,
  { target, left }: { readonly target: Target; readonly left: { requests: number } },
): Promise<void> {
  const connection = new RawConnection(target)
  while (left.requests > 0) {
    const kind = pickKind(draw)
    const payload = kind.draw(draw)
    left.requests -= payload.requests
    for (const payment of payload.payments) asked.add(payment)
    const sent = await sendUntilHeard(
      () => connection.send(payload),
      () => tally.postpone(kind.name),
    )
    const { statuses = kind.statuses } = payload
    tally.count(kind.name, sent, payload, { statuses, closing: kind.closing })
    for (const payment of payload.payments) {
      if (sent.statuses[payment.at] === 202) asked.accept(payment)
    }
  }
  connection.close()
}

/** In which a connection that has gone silent is closed, ms: 10 s, looked at every 4 s. */
const SILENCE_MS_MAX = 20_000

interface SlowKind {
  readonly name: string
  readonly statuses: readonly number[]
  readonly closing: 'right' | 'wrong'
  /** Writes until it has nothing more to say; what happens after that is waited for. */
  speak(socket: Socket, payment: Payment): Promise<void>
}

const HEAD = `POST /payments HTTP/1.1\r\n${HOST}\r\n${JSON_TYPE.join('\r\n')}\r\n`

export const SLOW_KINDS: readonly SlowKind[] = [
  {
    name: 'slow bodies',
    statuses: [202],
    closing: 'wrong',
    speak: async (socket, payment) => {
      const bytes = post(plain(payment))
      for (let at = 0; at < bytes.length; at += 30)
        await say(socket, bytes.subarray(at, at + 30), 700)
    },
  },
  {
    name: 'endless bodies',
    statuses: [413],
    closing: 'right',
    speak: async (socket) => {
      socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`)
      while (!socket.destroyed) await say(socket, `400\r\n${' '.repeat(1024)}\r\n`, 20)
    },
  },
  {
    name: 'stalled bodies',
    statuses: [408],
    closing: 'right',
    speak: (socket, payment) => say(socket, post(plain(payment)).subarray(0, -9), 0),
  },
  {
    name: 'heads that stall',
    statuses: [408],
    closing: 'right',
    speak: async (socket) => {
      await say(socket, HEAD, 700)
      for (let line = 0; line < 8; line += 1) await say(socket, `X-${line}: 1\r\n`, 700)
    },
  },
]

export const IDLE_KINDS: readonly SlowKind[] = [
  { name: 'silence', statuses: [408], closing: 'right', speak: () => Promise.resolve() },
  {
    name: 'silence in a request',
    statuses: [408],
    closing: 'right',
    // With the whole first line: uWebSockets answers 505 to a part of it.
    speak: (socket) => say(socket, 'POST /payments HTTP/1.1\r\nHost', 0),
  },
]

/** A round of one kind of client at one target; resolves once each connection has ended. */
export async function sendFromMany(
  kind: SlowKind,
  place: {
    readonly target: Target
    readonly clients: number
    readonly draw: Draw
    readonly asked: AskedPayments
    readonly tally: HostileTally
  },
): Promise<void> {
  const { asked, clients, draw, tally, target } = place
  await Promise.all(
    Array.from({ length: clients }, async (_, number) => {
      // Not all at once: what is listened on has a queue of connections with a bound.
      await pause(Math.floor(number / CONNECTS_AT_ONCE) * CONNECT_EVERY_MS)
      const payment = drawPayment(draw)
      // None but a whole body asks for a payment.
      const isRight = kind.statuses.includes(202)
      if (isRight) asked.add(payment)
      const sent = await sendUntilHeard(
        () => sendSlowly(kind, target, payment),
        () => tally.postpone(kind.name),
      )
      const bytes = Buffer.from(isRight ? plain(payment) : '')
      tally.count(kind.name, sent, { bytes, requests: 1 }, kind)
      if (isRight && sent.statuses[0] === 202) asked.accept(payment)
    }),
  )
}

const CONNECTS_AT_ONCE = 10
const CONNECT_EVERY_MS = 50

async function sendSlowly(kind: SlowKind, target: Target, payment: Payment): Promise<SendResult> {
  const socket = open(target)
  const reader = new AnswerReader('bodies')
  let hasConnected = false
  socket.once('connect', () => {
    hasConnected = true
  })
  const ended = new Promise<SendResult['end']>((resolve) => {
    socket.on('close', () => resolve(hasConnected ? 'closed' : 'unheard'))
    socket.on('data', (bytes: Buffer) => {
      reader.push(bytes)
      if (reader.statuses.length > 0) resolve('answered')
    })
  })
  await Promise.race([ended, kind.speak(socket, payment)])
  const end = await Promise.race([ended, pause(SILENCE_MS_MAX, 'stuck' as const, { ref: false })])
  socket.destroy()
  return { statuses: reader.statuses, end }
}

async function say(socket: Socket, bytes: string | Buffer, thenMs: number): Promise<void> {
  socket.write(bytes)
  if (thenMs > 0) await pause(thenMs)
}
