// The `Ledger` of one simulated instance: calls travel, are done at one instant, and are answered
// within the adapter's bounds, as over pg.

import { LedgerUnavailable } from '../../src/actors/model/errors.ts'
import type { Ledger } from '../../src/actors/model/ports.ts'
import type { Gate } from './gate.ts'
import type { LedgerStore } from './ledger-store.ts'
import type { SimulatedServer } from './simulated-server.ts'

export interface LedgerBounds {
  /** Bound on `accept`, ms. */
  readonly acceptTimeoutMs: number
  /** Bound on every other call, ms. */
  readonly statementTimeoutMs: number
}

export interface LedgerClientParts {
  readonly store: LedgerStore
  readonly service: SimulatedServer
  readonly gate: Gate
  readonly bounds: LedgerBounds
  /** Told of each call as it is done. */
  readonly note: (what: string) => void
  /** Told which lease each writing of outcomes names. */
  readonly onRecord: (leaseId: number) => void
}

export function createSimulatedLedger(parts: LedgerClientParts): Ledger {
  const { store, bounds } = parts
  const run =
    (effect: 'reads' | 'writes') =>
    <Value>(operation: string, apply: () => Value): Promise<Value> =>
      call(parts, { operation, effect, timeoutMs: bounds.statementTimeoutMs, apply })
  const write = run('writes')
  const read = run('reads')
  return {
    acquireLease: (request) => write('acquireLease', () => store.acquireLease(request)),
    renewLease: (request) => write('renewLease', () => store.renewLease(request)),
    releaseLease: (leaseId) => write('releaseLease', () => store.releaseLease(leaseId)),
    accept: (batch, request) =>
      call(parts, {
        operation: 'accept',
        effect: 'writes',
        timeoutMs: bounds.acceptTimeoutMs,
        apply: () => store.accept(batch, request),
      }),
    record: (outcomes, request) => {
      parts.onRecord(request.leaseId)
      return write('record', () => store.record(outcomes, request))
    },
    claimDue: (request) => write('claimDue', () => store.claimDue(request)),
    claimParked: (ids, request) => write('claimParked', () => store.claimParked(ids, request)),
    listParked: (limit) => read('listParked', () => store.listParked(limit)),
    countOpen: () => read('countOpen', () => store.countOpen()),
    takeOver: (request) => write('takeOver', () => store.takeOver(request)),
    summarize: (window, unflushed) => read('summarize', () => store.summarize(window, unflushed)),
    find: (id) => read('find', () => store.find(id)),
    purge: () => write('purge', () => store.purge()),
    close: () => Promise.resolve(),
  }
}

function call<Value>(
  { service, gate, note }: LedgerClientParts,
  request: {
    operation: string
    effect: 'reads' | 'writes'
    timeoutMs: number
    apply: () => Value
  },
): Promise<Value> {
  const { operation } = request
  return service.call(gate, {
    ...request,
    apply: () => {
      const value = request.apply()
      if (!isNothing(value)) note(`ledger.${operation} ${describe(value)}`)
      return value
    },
    failure: (lost) => new LedgerUnavailable(operation, lost),
  })
}

function isNothing(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

function describe(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value)
}
