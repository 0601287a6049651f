// Short ways to say what the ledger's contract is about.

import type { Attempt, Outcome, ProcessorName } from '../../src/actors/model/payment.ts'
import type { AcceptRequest, Ledger } from '../../src/actors/model/ports.ts'

/** Long enough that no lease runs out by itself while a test runs. */
export const TTL_MS = 60_000

/** Longer than anything is parked for here. */
export const DELAYS = { delayMaxMs: 600_000 } as const

/** The n-th id of a test. */
export function uuid(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
}

export function request(n: number, amountCents = 1_990): AcceptRequest {
  return { correlationId: uuid(n), amountCents }
}

export async function lease(ledger: Ledger, instanceId = 'a'): Promise<{ leaseId: number }> {
  return await ledger.acquireLease({ instanceId, ttlMs: TTL_MS })
}

/** Accepts payments 1 to `count` under the lease. */
export async function acceptMany(
  ledger: Ledger,
  { leaseId, count }: { leaseId: number; count: number },
): Promise<void> {
  const batch = Array.from({ length: count }, (_, index) => request(index + 1))
  await ledger.accept(batch, { leaseId, parked: false })
}

export function attempt(processor: ProcessorName, outcome: Attempt['outcome']): Attempt {
  return { processor, requestedAt: 1_000, reason: 'cheaper', outcome, tookMs: 12, detail: 'http' }
}

const OF_OWNER = { fencingToken: 0, purges: 0 }

type Settled = Extract<Outcome, { kind: 'settled' }>
type Parked = Extract<Outcome, { kind: 'parked' }>

export function settled(n: number, change: Partial<Settled> = {}): Settled {
  const what = { processor: 'default', requestedAt: 1_000, amountCents: 1_990 } as const
  const attempts = [attempt('default', 'settled')]
  return { kind: 'settled', correlationId: uuid(n), ...OF_OWNER, ...what, attempts, ...change }
}

export function parked(n: number, change: Partial<Parked> = {}): Parked {
  const what = { delayMs: 5_000, rounds: 1, unknownOutcomes: [], attempts: [] }
  return { kind: 'parked', correlationId: uuid(n), ...OF_OWNER, ...what, ...change }
}

export function rejected(n: number): Outcome {
  const attempts = [attempt('fallback', 'denied')]
  return { kind: 'rejected', correlationId: uuid(n), ...OF_OWNER, attempts }
}

/** The ids, sorted, of whatever has one. */
export function idsOf(entries: readonly { readonly correlationId: string }[]): string[] {
  return entries.map((entry) => entry.correlationId).sort()
}
