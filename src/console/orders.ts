// Operators' commands over HTTP: what is posted becomes a row in the ledger, which all instances obey;
// and those that were given.

import type { HttpRequest, WebApp } from '../server/web-server.ts'
import { ledgerFailureOf, NoSuchInstance } from '../actors/model/errors.ts'
import type { Telemetry } from '../actors/model/facts.ts'
import type { PaymentFinder } from '../actors/model/found-payments.ts'
import type { CommandLedger, CommandRow, OrderKind, PacedKind } from '../actors/model/operator.ts'
import { problem, type Reply, UNAVAILABLE } from '../http/problem.ts'
import { BooksUnreachable } from '../operator/failures.ts'
import type { Access } from './access.ts'
import { addChange, privateJson, type Call } from './changes.ts'
import type { OnBug } from './contained.ts'
import { readCommand, readMatched, type Fault } from './order-body.ts'
import { createPacedOrders, type Paced, type PacedOrders } from './paced-orders.ts'
import { route } from './pages.ts'

export interface CommandsOptions {
  readonly ledger: Pick<CommandLedger, 'giveCommand' | 'listCommands'>
  readonly finder: PaymentFinder
  readonly paced: Paced
  readonly access: Access
  /** Hears of each command that was given. */
  readonly telemetry: Telemetry
  readonly onBug: OnBug
}

/** Commands in one list. */
const LISTED_MAX = 200

export function addCommandRoutes(app: WebApp, options: CommandsOptions): void {
  const { access, onBug } = options
  const path = '/console/commands'
  const orders = createPacedOrders(options)
  addChange(app, { path, act: (call) => give({ ...options, orders }, call), access, onBug })
  addChange(app, { path: '/console/matching', act: (call) => count(orders, call), access, onBug })
  const onList = (request: HttpRequest): Promise<Reply> =>
    list(options, { limit: limitIn(request), before: idIn(request.getQuery('before')) })
  route(app, { path, read: onList, access, onBug })
  route(app, {
    path: `${path}/:id`,
    read: (request) => {
      const id = idIn(request.getParameter(0))
      return id === undefined ? undefined : findOne(options, id)
    },
    access,
    onBug,
  })
}

async function give(
  options: CommandsOptions & { readonly orders: PacedOrders },
  { body, by: { name: by }, via }: Call,
): Promise<Reply> {
  const read = readCommand(body)
  if ('fault' in read) return refusal(read)
  const { ledger, telemetry, orders } = options
  const { reason } = read
  const tell = (id: number, kind: OrderKind | PacedKind): void =>
    telemetry.emit({ type: 'command.given', id, kind, by, via, reason })
  try {
    if ('order' in read) {
      const row = await ledger.giveCommand({ ...read, by, via })
      tell(row.id, read.order.kind)
      return privateJson(shown(row))
    }
    const begun = await orders.begin({ ...read, given: { by, via } })
    if ('refusal' in begun) return begun.refusal
    tell(begun.command, read.kind)
    return (await findOne(options, begun.command)) ?? UNAVAILABLE
  } catch (error) {
    if (error instanceof NoSuchInstance) {
      return refusal({ fault: error.message, field: 'instanceId' })
    }
    return unavailable(error)
  }
}

async function count(orders: PacedOrders, { body }: Call): Promise<Reply> {
  const read = readMatched(body)
  if ('fault' in read) return refusal(read)
  try {
    return await orders.count(read)
  } catch (error) {
    return unavailable(error)
  }
}

function refusal({ fault: detail, field }: Fault): Reply {
  return problem({ status: 400, type: 'urn:pit:problem:invalid-command', detail, field })
}

async function list(
  { ledger }: CommandsOptions,
  { limit, before }: { limit: number; before: number | undefined },
): Promise<Reply> {
  try {
    const rows = await ledger.listCommands(before === undefined ? { limit } : { limit, before })
    return privateJson({ commands: rows.map(shown) })
  } catch (error) {
    return unavailable(error)
  }
}

async function findOne({ ledger }: CommandsOptions, id: number): Promise<Reply | undefined> {
  try {
    const [row] = await ledger.listCommands({ limit: 1, before: id + 1 })
    return row?.id === id ? privateJson(shown(row)) : undefined
  } catch (error) {
    return unavailable(error)
  }
}

/** A bug is thrown on. */
function unavailable(error: unknown): Reply {
  ledgerFailureOf(error instanceof BooksUnreachable ? error.cause : error)
  return UNAVAILABLE
}

/** Instants as readers know them. */
function shown({ at, until, doneAt, ...row }: CommandRow): object {
  return { ...row, at: textOf(at), until: textOf(until), doneAt: textOf(doneAt) }
}

function textOf(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString()
}

function limitIn(request: HttpRequest): number {
  return Math.min(LISTED_MAX, idIn(request.getQuery('limit')) ?? LISTED_MAX)
}

function idIn(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined
}
