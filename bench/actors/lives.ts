// Lets payments live and end, so many at once.

import { randomUUID } from 'node:crypto'
import type { AcceptRequest } from '../../src/actors/model/ports.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface Lives {
  /** Goes on for at least so many lives; resolves with how many have ended. */
  live(lives: number): Promise<number>
  /** Lets all end that are alive, so that nothing is in memory but what stays for ever. */
  rest(): Promise<void>
}

/**
 * A payment to be posted. Ids come from a fixed stock: in Pit they are in the request already, so
 * making them is not part of a life.
 */
export function nextPayment(): AcceptRequest {
  next = (next + 1) % IDS.length
  return { correlationId: IDS[next] ?? '', amountCents: 1990 }
}

/** Far more than are alive at once. */
const IDS = Array.from({ length: 16_384 }, () => randomUUID())
let next = 0

/** Lives between two turns of the event loop, at most. */
export const LIVES_PER_TURN = 100

/** Lets `lives` take their time, and timers and promises have their turn. */
export function turn(
  clock: VirtualClock,
  lives: number,
  { msPerLife }: Pace = BUSY,
): Promise<void> {
  clock.advance(lives * msPerLife)
  return new Promise((resolve) => setImmediate(resolve))
}

/** How lives follow each other on the actors' own clock. */
export interface Pace {
  readonly msPerLife: number
  /** Lives between two turns of the event loop, at most. */
  readonly livesPerTurn: number
}

/** 8,000 a second. */
export const BUSY: Pace = { msPerLife: 0.125, livesPerTurn: LIVES_PER_TURN }
