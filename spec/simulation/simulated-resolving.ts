// The simulated PostgreSQL carries out the order to resolve a payment, by the same rules as the SQL.

import {
  RESOLVE_FOR_MS,
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
  const met = metBy(order, row, request)
  if (met === 'owned' && ageMs <= RESOLVE_FOR_MS) return
  commands.endResolving(request, met)
  if (met !== 'resolved' || row === undefined) return
  row.fencingToken += 1
  if (order.to === 'never') {
    row.unknownOutcomes = row.unknownOutcomes.filter((each) => !isNamed(order, each.processor))
    row.dueAt = now
    return
  }
  const { processor, requestedAt } = order
  Object.assign(row, { state: 'settled', processor, requestedAt, dueAt: null, unknownOutcomes: [] })
  open.delete(order.correlationId)
}

function metBy(
  order: ResolveOrder,
  row: PaymentRow | undefined,
  { isBusy }: ResolveRequest,
): ResolveMet {
  if (row === undefined) return 'unknown'
  if (row.state !== 'open') return row.state
  if (row.owner !== null) return isBusy ? 'busy' : 'owned'
  const isInDoubt = row.unknownOutcomes.some(({ processor }) => isNamed(order, processor))
  return isInDoubt ? 'resolved' : 'notInDoubt'
}

function isNamed(order: ResolveOrder, processor: ProcessorName): boolean {
  return order.to === 'settled'
    ? order.processor === processor
    : order.processors.includes(processor)
}
