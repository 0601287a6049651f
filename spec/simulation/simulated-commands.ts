// The table of commands of the simulated PostgreSQL, by the same rules as the SQL.

import { NoSuchInstance } from '../../src/actors/model/errors.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type {
  CommandRow,
  Hold,
  NewCommand,
  Orders,
  ResolveMet,
  ResolveOrder,
} from '../../src/actors/model/operator.ts'

/** Instants are its own clock's, epoch ms. */
interface Row extends Omit<CommandRow, 'payload'> {
  readonly order: NewCommand['order']
}

export class CommandTable {
  /** The oldest first. */
  rows: readonly Row[] = []
  /** Told of each payment that is no longer in doubt there, since operators have said so. */
  onNever: (correlationId: string, processors: readonly ProcessorName[]) => void = () => undefined
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** Id of the last command; 0 without any. */
  get last(): number {
    return this.rows.at(-1)?.id ?? 0
  }

  /** `living`: ids of the instances that hold a lease. */
  give({ order, by, via, reason }: NewCommand, living: readonly string[]): CommandRow {
    const at = this.#now()
    if (order.kind === 'drain' && living.length > 0 && !living.includes(order.instanceId)) {
      throw new NoSuchInstance(order.instanceId, [...new Set(living)].toSorted())
    }
    const row: Row = {
      id: this.last + 1,
      at,
      by,
      via,
      kind: order.kind,
      order,
      reason,
      until: order.kind === 'hold' ? at + order.forMs : null,
      awaited: order.kind === 'drain' ? [order.instanceId] : [...new Set(living)].toSorted(),
      result: {},
      doneAt: null,
      isInterrupted: false,
    }
    this.rows = [...this.rows, row]
    return shown(row)
  }

  read({ instanceId, after }: { instanceId: string; after: number }): Orders {
    const pending = this.rows
      .filter(({ id, doneAt, awaited, result }) => {
        if (id <= after || doneAt !== null) return false
        return awaited.includes(instanceId) && !Object.hasOwn(result, instanceId)
      })
      .map(({ id, kind, order, by, reason }) => {
        const processor = 'processor' in order ? order.processor : null
        const correlationId = 'correlationId' in order ? order.correlationId : null
        const heldTo = order.kind === 'hold' ? order.to : null
        return { id, kind, processor, heldTo, correlationId, by, reason }
      })
    const holds = (['default', 'fallback'] as const).flatMap((name) => this.#holdOf(name))
    return { last: this.last, holds, pending }
  }

  noteMet({ id, instanceId, met }: { id: number; instanceId: string; met: object }): void {
    this.rows = this.rows.map((row) => {
      if (row.id !== id) return row
      const result = { ...row.result, [instanceId]: met }
      const isDone = row.awaited.every((each) => Object.hasOwn(result, each))
      return { ...row, result, doneAt: isDone ? (row.doneAt ?? this.#now()) : null }
    })
  }

  /** The order to resolve a payment, while it has not ended, and the time now, epoch ms. */
  resolving(
    id: number,
  ): { readonly order: ResolveOrder; readonly ageMs: number; readonly now: number } | undefined {
    const row = this.rows.find((each) => each.id === id && each.doneAt === null)
    if (row?.order.kind !== 'resolve') return undefined
    const now = this.#now()
    return { order: row.order, ageMs: now - row.at, now }
  }

  endResolving(
    { id, instanceId }: { id: number; instanceId: string },
    met: { readonly payment: ResolveMet },
  ): void {
    const ended = { awaited: [instanceId], result: { [instanceId]: met } }
    const doneAt = this.#now()
    this.rows = this.rows.map((row) => (row.id === id ? { ...row, ...ended, doneAt } : row))
  }

  list({ limit, before }: { limit: number; before?: number }): readonly CommandRow[] {
    const all = this.rows.filter(({ id }) => before === undefined || id < before)
    return all.toReversed().slice(0, limit).map(shown)
  }

  #holdOf(processor: ProcessorName): readonly Hold[] {
    const about = this.rows.findLast(({ order }) => {
      const isHold = order.kind === 'pause' || order.kind === 'hold' || order.kind === 'resume'
      return isHold && order.processor === processor
    })
    if (about === undefined || about.order.kind === 'resume') return []
    const { id: command, order, by, reason, at, until } = about
    const endsInMs = until === null ? null : Math.min(until - this.#now(), until - at)
    if (endsInMs !== null && endsInMs <= 0) return []
    const to = order.kind === 'hold' ? order.to : 'open'
    const kind = order.kind === 'hold' ? 'hold' : 'pause'
    return [{ processor, command, kind, to, by, reason, endsInMs }]
  }
}

function shown({ order, ...row }: Row): CommandRow {
  const payload = Object.fromEntries(Object.entries(order).filter(([name]) => name !== 'kind'))
  return { ...row, payload }
}
