// The simulated PostgreSQL carries out the order to resolve a payment, by the same rules as the SQL.

import {
  CLOCKS_APART_MS,
  RESOLVE_FOR_MS,
  type InstantsThatFit,
  type ResolveMet,
  type ResolveOrder,
  type ResolveRequest,
} from '../../src/actors/model/operator.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { PaymentRow } from './ledger-tables.ts'
import type { CommandTable } from './simulated-commands.ts'

interface Tables {
  readonly rows: ReadonlyMap<string, PaymentRow>
  /** Those of `rows` that are neither settled nor rejected. */
  readonly open: Map<string, PaymentRow>
  readonly commands: CommandTable
}

export function resolvePayment({ rows, open, commands }: Tables, request: ResolveRequest): void {
  const found = commands.resolving(request.id)
  if (found === undefined) return
  const { order, ageMs, now } = found
  const row = rows.get(order.correlationId)
  const fit = fitting(order, row)
  const met = metBy({ order, row, request, fit, now })
  if (met === 'owned' && ageMs <= RESOLVE_FOR_MS) return
  const told = met === 'untimely' || met === 'unlisted' ? fit : {}
  commands.endResolving(request, { payment: met, ...told })
  if (met !== 'resolved' || row === undefined) return
  row.fencingToken += 1
  if (order.to === 'never') {
    row.unknownOutcomes = row.unknownOutcomes.filter((each) => !isNamed(order, each.processor))
    row.dueAt = now
    commands.onNever(order.correlationId, order.processors)
    return
  }
  const { processor, requestedAt } = order
  Object.assign(row, { state: 'settled', processor, requestedAt, dueAt: null, unknownOutcomes: [] })
  open.delete(order.correlationId)
}

interface Judged {
  readonly order: ResolveOrder
  readonly row: PaymentRow | undefined
  readonly request: ResolveRequest
  readonly fit: InstantsThatFit
  readonly now: number
}

function metBy({ order, row, request: { isBusy }, fit, now }: Judged): ResolveMet {
  if (row === undefined) return 'unknown'
  if (row.state !== 'open') return row.state
  if (row.owner !== null) return isBusy ? 'busy' : 'owned'
  const isInDoubt = row.unknownOutcomes.some(({ processor }) => isNamed(order, processor))
  if (!isInDoubt) return 'notInDoubt'
  if (order.to === 'never' || fit.requestedAt.includes(order.requestedAt)) return 'resolved'
  const { requestedAt, unlisted = false } = order
  const isEarly = requestedAt < fit.acceptedAt - CLOCKS_APART_MS
  if (isEarly || requestedAt > now + CLOCKS_APART_MS) return 'untimely'
  return unlisted || fit.requestedAt.length === 0 ? 'resolved' : 'unlisted'
}

/** The instants of the charges that are known at the processor where it is said to be settled. */
function fitting(order: ResolveOrder, row: PaymentRow | undefined): InstantsThatFit {
  if (row === undefined || order.to === 'never') return { acceptedAt: 0, requestedAt: [] }
  const sent = [...row.attempts, ...row.unknownOutcomes]
    .filter(({ processor }) => processor === order.processor)
    .flatMap(({ requestedAt }) => requestedAt ?? [])
  const requestedAt = [...new Set(sent)].toSorted((a, b) => a - b)
  return { acceptedAt: row.acceptedAt, requestedAt }
}

function isNamed(order: ResolveOrder, processor: ProcessorName): boolean {
  return order.to === 'settled'
    ? order.processor === processor
    : order.processors.includes(processor)
}
