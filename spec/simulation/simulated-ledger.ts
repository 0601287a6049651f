// The `Ledger` of one instance: its calls travel to the simulated PostgreSQL and are answered within
// the adapter's bounds.

import { cacheFailureOf, LedgerUnavailable } from '../../src/actors/model/errors.ts'
import type { CommandLedger } from '../../src/actors/model/operator.ts'
import type { HistoryWatch } from '../../src/actors/model/ledger-history.ts'
import type { ClaimedPayment, Outcome } from '../../src/actors/model/payment.ts'
import type {
  KnownRenewal,
  Ledger,
  RenewalCache,
  TakenOver,
  UnwrittenOutcome,
} from '../../src/actors/model/ports.ts'
import { toLedgerUnavailable } from '../../src/infra/postgres/connection.ts'
import { PurgeCount } from '../../src/infra/postgres/purges.ts'
import type { LedgerStore } from './simulated-postgres.ts'
import { resolvePayment } from './simulated-resolving.ts'
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
  /** Knows which history the instance talks to. */
  readonly watch: HistoryWatch
  /** The machine's time of day, epoch ms. */
  readonly wallNow: () => number
  readonly renewals: RenewalCache
  /** What Redis has at the moment of a new session. */
  readonly sharedRenewal: () => KnownRenewal | undefined
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
  const { store, bounds, watch } = parts
  const session: Session = { restarts: -1, epoch: -1, mark: undefined }
  const purgeCount = new PurgeCount(() => undefined, watch)
  const run =
    (effect: 'reads' | 'writes') =>
    <Value>(operation: string, apply: () => Value): Promise<Value> =>
      call(parts, session, { operation, effect, timeoutMs: bounds.statementTimeoutMs, apply })
  const write = run('writes')
  const read = run('reads')
  const lease = <Value>(operation: string, apply: () => Value): Promise<Value> =>
    call(parts, session, { operation, effect: 'writes', timeoutMs: bounds.leaseTimeoutMs, apply })
  const { counted, claimed } = countsOf(purgeCount)
  return {
    ...countedLeases(parts, { write, lease, counted }),
    releaseLease: (leaseId) => lease('releaseLease', () => store.releaseLease(leaseId)),
    accept: (batch, request) =>
      counted(() =>
        call(parts, session, {
          operation: 'accept',
          effect: 'writes',
          timeoutMs: bounds.acceptTimeoutMs,
          apply: () => store.accept(batch, request),
        }),
      ),
    record: (outcomes, request) => {
      parts.onRecord(request.leaseId)
      const { offset } = purgeCount.known
      return write('record', () => {
        if (outcomes.some(({ correlationId }) => parts.poisoned?.has(correlationId))) {
          throw failureOf({ operation: 'record', effect: 'writes' }, 'none', OUT_OF_RANGE)
        }
        return recordAt(store, outcomes, { ...request, offset })
      })
    },
    claimDue: (request) => claimed(write('claimDue', () => store.claimDue(request))),
    claimParked: (ids, request) =>
      claimed(write('claimParked', () => store.claimParked(ids, request))),
    listParked: (limit) => read('listParked', () => store.listParked(limit)),
    countOpen: () => read('countOpen', () => store.countOpen()),
    takeOver: async (request) => {
      let found: Omit<TakenOver, 'payments'> = { leases: [], commands: 0 }
      const taking = write('takeOver', () => store.takeOver(request)).then((taken) => {
        found = taken
        return taken.payments
      })
      const payments = await claimed(taking)
      return { ...found, payments }
    },
    listOwned: (request) => read('listOwned', () => store.listOwned(request)),
    reclaim: (payments, request) =>
      claimed(write('reclaim', () => store.reclaim(payments, request))),
    summarize: (window, unflushed) => read('summarize', () => store.summarize(window, unflushed)),
    findControl: (processor) => read('findControl', () => store.findControl(processor)),
    find: (id) => read('find', () => store.find(id)),
    ...commandsOf(store, { write, read }),
    purge: () => counted(() => write('purge', () => store.purge())),
    close: () => Promise.resolve(),
  }
}

function commandsOf(
  store: LedgerStore,
  { write, read }: { write: Call; read: Call },
): CommandLedger {
  const { commands } = store
  return {
    giveCommand: (command) =>
      write('giveCommand', () => {
        const living = [...store.leases.values()].filter(({ isRevoked }) => !isRevoked)
        return commands.give(
          command,
          living.map((each) => each.instanceId),
        )
      }),
    readOrders: (request) => read('readOrders', () => commands.read(request)),
    noteMet: (request) => write('noteMet', () => commands.noteMet(request)),
    resolvePayment: (request) => write('resolvePayment', () => resolvePayment(store, request)),
    listCommands: (request) => read('listCommands', () => commands.list(request)),
  }
}

type Call = <Value>(operation: string, apply: () => Value) => Promise<Value>

/** Grants and renewals, each of which is counted. */
function countedLeases(
  { store, watch, renewals }: LedgerClientParts,
  {
    write,
    lease,
    counted,
  }: { write: Call; lease: Call; counted: ReturnType<typeof countsOf>['counted'] },
): Pick<Ledger, 'acquireLease' | 'renewLease'> {
  const noteSeen = (seen: Parameters<HistoryWatch['note']>[0]): void => {
    watch.note(seen)
    if (watch.known !== undefined) renewals.publish(watch.known).catch(cacheFailureOf)
  }
  return {
    acquireLease: async (request) => {
      const { seen, ...acquired } = await write('acquireLease', () => {
        return { ...store.acquireLease(request), seen: store.countRenewal(watch.run) }
      })
      noteSeen(seen)
      return acquired
    },
    renewLease: async (request) => {
      const { seen, ...renewed } = await counted(() =>
        lease('renewLease', () => {
          const answer = store.renewLease(request)
          const count = answer.held ? store.countRenewal(watch.run) : store.unrenewed
          return { ...answer, seen: count }
        }),
      )
      noteSeen(seen)
      return renewed
    },
  }
}

/** Counts of purges as actors are given them. */
function countsOf(purgeCount: PurgeCount) {
  const counted = async <Answer extends { readonly purges: number }>(
    asked: () => Promise<Answer>,
  ): Promise<Answer> => {
    const { known } = purgeCount
    const answer = await asked()
    return { ...answer, purges: purgeCount.read(answer.purges, known) }
  }
  const claimed = async (
    asked: Promise<readonly ClaimedPayment[]>,
  ): Promise<readonly ClaimedPayment[]> => {
    const { known } = purgeCount
    const claims = await asked
    const [first] = claims
    if (first === undefined) return claims
    const purges = purgeCount.read(first.purges, known)
    return claims.map((claim) => ({ ...claim, purges }))
  }
  return { counted, claimed }
}

/** Writes outcomes by the store's own count of purges. */
function recordAt(
  store: LedgerStore,
  outcomes: readonly Outcome[],
  { leaseId, offset }: { leaseId: number; offset: number },
): readonly UnwrittenOutcome[] {
  const reached = outcomes.map((outcome) => ({ ...outcome, purges: outcome.purges - offset }))
  const origins = new Map<Outcome, Outcome | undefined>(
    reached.map((outcome, index) => [outcome, outcomes[index]]),
  )
  return store
    .record(reached, { leaseId })
    .map(({ outcome, why }) => ({ outcome: origins.get(outcome) ?? outcome, why }))
}

/** The store as the instance's last session found it. */
interface Session {
  restarts: number
  epoch: number
  /** Undefined: it compares none. */
  mark: string | undefined
}

/** A new session learns which history it is of, before anything is done on it. */
function meet(parts: LedgerClientParts, session: Session): void {
  const { store, watch } = parts
  const before = { own: watch.known, shared: parts.sharedRenewal() }
  const wallNow = parts.wallNow()
  const { history } = store
  const server = { ...history.server, renewals: store.renewals }
  let newest = history.newestAt(wallNow)
  while (watch.isOther(server, newest, before)) {
    history.append(history.server, watch.next(newest, before), wallNow)
    newest = history.newestAt(wallNow)
  }
  watch.enter(server, newest, before)
  Object.assign(session, { restarts: history.restarts, epoch: watch.epoch, mark: watch.mark })
}

function call<Value>(
  parts: LedgerClientParts,
  session: Session,
  request: {
    operation: string
    effect: 'reads' | 'writes'
    timeoutMs: number
    apply: () => Value
  },
): Promise<Value> {
  const { service, gate, note, store, watch } = parts
  const { operation } = request
  const { epoch } = watch
  return service.call(gate, {
    ...request,
    apply: () => {
      const { history } = store
      if (session.restarts !== history.restarts || session.epoch !== watch.epoch)
        meet(parts, session)
      if (watch.epoch !== epoch) throw failureOf(request, 'none', undefined)
      const value = request.apply()
      if ((session.mark ?? history.mark) !== history.mark && tellsMark(operation, value)) {
        watch.suspect()
        throw failureOf(request, 'unknown', undefined)
      }
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

/** Whether whoever asks learns whose rows it has worked on. */
function tellsMark(operation: string, value: unknown): boolean {
  if (operation === 'accept' || operation === 'renewLease') return true
  return CLAIMS.has(operation) && !isNothing(operation, value)
}
const CLAIMS = new Set(['claimDue', 'claimParked', 'reclaim'])

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
