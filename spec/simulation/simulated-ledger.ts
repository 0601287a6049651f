// The `Ledger` of one instance: its calls travel to the simulated PostgreSQL and are answered within
// the adapter's bounds.

import { LedgerUnavailable } from '../../src/actors/model/errors.ts'
import type { Ledger } from '../../src/actors/model/ports.ts'
import { toLedgerUnavailable } from '../../src/infra/postgres/connection.ts'
import type { LedgerStore } from './simulated-postgres.ts'
import type { LostCall, SimulatedServer } from './simulated-server.ts'
import type { Gate } from './virtual-time.ts'

export interface LedgerBounds {
  /** Bound on `accept`, ms. */
  readonly acceptTimeoutMs: number
  /** Bound on a renewal or release of a lease, ms. */
  readonly leaseTimeoutMs: number
  /** Bound on every other call, ms. */
  readonly statementTimeoutMs: number
}

export interface LedgerClientParts {
  readonly store: LedgerStore
  readonly service: SimulatedServer
  readonly gate: Gate
  readonly bounds: LedgerBounds
  /** Payments whose outcomes it refuses; absent: none. */
  readonly poisoned?: ReadonlySet<string>
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
  const lease = <Value>(operation: string, apply: () => Value): Promise<Value> =>
    call(parts, { operation, effect: 'writes', timeoutMs: bounds.leaseTimeoutMs, apply })
  return {
    acquireLease: (request) => write('acquireLease', () => store.acquireLease(request)),
    renewLease: (request) => lease('renewLease', () => store.renewLease(request)),
    releaseLease: (leaseId) => lease('releaseLease', () => store.releaseLease(leaseId)),
    accept: (batch, request) =>
      call(parts, {
        operation: 'accept',
        effect: 'writes',
        timeoutMs: bounds.acceptTimeoutMs,
        apply: () => store.accept(batch, request),
      }),
    record: (outcomes, request) => {
      parts.onRecord(request.leaseId)
      return write('record', () => {
        if (outcomes.some(({ correlationId }) => parts.poisoned?.has(correlationId))) {
          throw failureOf({ operation: 'record', effect: 'writes' }, 'none', OUT_OF_RANGE)
        }
        return store.record(outcomes, request)
      })
    },
    claimDue: (request) => write('claimDue', () => store.claimDue(request)),
    claimParked: (ids, request) => write('claimParked', () => store.claimParked(ids, request)),
    listParked: (limit) => read('listParked', () => store.listParked(limit)),
    countOpen: () => read('countOpen', () => store.countOpen()),
    takeOver: (request) => write('takeOver', () => store.takeOver(request)),
    listOwned: (request) => read('listOwned', () => store.listOwned(request)),
    reclaim: (payments, request) => write('reclaim', () => store.reclaim(payments, request)),
    summarize: (window, unflushed) => read('summarize', () => store.summarize(window, unflushed)),
    findControl: (processor) => read('findControl', () => store.findControl(processor)),
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
      if (!isNothing(operation, value)) note(`ledger.${operation} ${describe(value)}`)
      return value
    },
    failure: (lost, code) => failureOf(request, lost, code),
  })
}

/** Questions that are asked again and again, and what brings nothing, are left out of the trace. */
function isNothing(operation: string, value: unknown): boolean {
  return operation === 'listOwned' || (Array.isArray(value) && value.length === 0)
}

/** SQLSTATE of a value that does not fit its column. */
const OUT_OF_RANGE = '22003'

/** What the server's own word means is Pit's reading, which is under test. */
function failureOf(
  { operation, effect }: { operation: string; effect: 'reads' | 'writes' },
  lost: LostCall,
  code: string | undefined,
): LedgerUnavailable {
  if (code === undefined) return new LedgerUnavailable(operation, lost)
  // A connection that is cut is told of as the end of its session.
  const severity = lost === 'none' ? 'ERROR' : 'FATAL'
  const cause = Object.assign(new Error(`SQLSTATE ${code}`), { code, severity })
  return toLedgerUnavailable({ operation, effect, sent: 'maybe' }, cause)
}

function describe(value: unknown): string {
  return value === undefined ? '' : JSON.stringify(value)
}
