// Operators' commands over HTTP: what is posted becomes a row in the ledger, which all instances obey;
// and those that were given.

import type { HttpRequest, WebApp } from '../server/web-server.ts'
import { ledgerFailureOf } from '../actors/model/errors.ts'
import type { Telemetry } from '../actors/model/facts.ts'
import type { CommandLedger, CommandRow, Order } from '../actors/model/operator.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import { problem, type Reply, UNAVAILABLE } from '../http/problem.ts'
import type { Access } from './access.ts'
import { addChange, privateJson, type Call } from './changes.ts'
import type { OnBug } from './contained.ts'
import { route } from './pages.ts'

export interface CommandsOptions {
  readonly ledger: Pick<CommandLedger, 'giveCommand' | 'listCommands'>
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
  addChange(app, { path, act: (call) => give(options, call), access, onBug })
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

async function give({ ledger, telemetry }: CommandsOptions, call: Call): Promise<Reply> {
  const read = readCommand(call.body)
  if ('fault' in read) {
    const { fault: detail, field } = read
    return problem({ status: 400, type: 'urn:pit:problem:invalid-command', detail, field })
  }
  const { order, reason } = read
  const { by, via } = call
  try {
    const row = await ledger.giveCommand({ order, by: by.name, via, reason })
    const { id } = row
    const { kind } = order
    telemetry.emit({ type: 'command.given', id, kind, by: by.name, via, reason })
    return privateJson(shown(row))
  } catch (error) {
    return unavailable(error)
  }
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
  ledgerFailureOf(error)
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

type Fault = { readonly fault: string; readonly field: string }

const REASON_MAX = 500

/** Longest time that a circuit is held, ms: a week. */
const HOLD_MAX_MS = 7 * 24 * 3_600_000
const HOLD_MIN_MS = 1_000

/** `{ kind, reason, … }`, with what that kind of order takes. */
function readCommand(body: unknown): { readonly order: Order; readonly reason: string } | Fault {
  const given = fieldsOf(body)
  const { reason } = given
  const order = readOrder(given)
  if ('fault' in order) return order
  const said = typeof reason === 'string' ? reason.trim() : ''
  if (said === '' || said.length > REASON_MAX) {
    return { fault: `A reason is a text of up to ${REASON_MAX} characters.`, field: 'reason' }
  }
  return { order, reason: said }
}

function readOrder(given: Readonly<Record<string, unknown>>): Order | Fault {
  const { kind, processor, to, forMs, instanceId } = given
  switch (kind) {
    case 'pause':
    case 'resume':
      return isProcessor(processor) ? { kind, processor } : NO_PROCESSOR
    case 'hold': {
      if (!isProcessor(processor)) return NO_PROCESSOR
      if (to !== 'open' && to !== 'closed') return NOT_HELD_TO
      const isTime = typeof forMs === 'number' && Number.isInteger(forMs)
      if (!isTime || forMs < HOLD_MIN_MS || forMs > HOLD_MAX_MS) return NO_TIME
      return { kind, processor, to, forMs }
    }
    case 'drain':
      return typeof instanceId === 'string' && /^[\w.-]{1,64}$/.test(instanceId)
        ? { kind, instanceId }
        : NO_INSTANCE
    case 'resolve':
      return readResolve(given)
    default:
      return {
        fault: 'A command is a pause, a resume, a hold, a drain or a resolve.',
        field: 'kind',
      }
  }
}

/** `requestedAt` is that of a charge that was sent: no clock is a day ahead. */
function readResolve(given: Readonly<Record<string, unknown>>): Order | Fault {
  const { correlationId: id, to, processor, processors, requestedAt } = given
  const correlationId = String(id).toLowerCase()
  if (!UUID.test(correlationId)) return NO_PAYMENT
  const named = { kind: 'resolve', correlationId } as const
  if (to === 'settled') {
    if (!isProcessor(processor)) return NO_PROCESSOR
    const at = typeof requestedAt === 'string' ? Date.parse(requestedAt) : Number.NaN
    const isPossible = at > 0 && at < Date.now() + DAY_MS
    if (!isPossible || new Date(at).toISOString() !== requestedAt) return NO_INSTANT
    return { ...named, to, processor, requestedAt: at }
  }
  if (to !== 'never') return NOT_RESOLVED_TO
  const all = Array.isArray(processors) ? processors : []
  if (all.length === 0 || !all.every(isProcessor)) return NO_PROCESSORS
  return { ...named, to, processors: [...new Set(all)] }
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/
const DAY_MS = 86_400_000

const NO_PAYMENT: Fault = { fault: 'A payment is named by its id, a UUID.', field: 'correlationId' }
const NO_INSTANT: Fault = {
  fault: 'It was requested at an ISO instant in UTC with milliseconds, not later than in a day.',
  field: 'requestedAt',
}
const NOT_RESOLVED_TO: Fault = { fault: 'A payment is resolved to settled or never.', field: 'to' }
const NO_PROCESSORS: Fault = {
  fault: 'Where it was never settled is a list of default, fallback or both.',
  field: 'processors',
}

const NO_PROCESSOR: Fault = { fault: 'A processor is default or fallback.', field: 'processor' }
const NOT_HELD_TO: Fault = { fault: 'A circuit is held open or closed.', field: 'to' }
const NO_TIME: Fault = { fault: 'A hold is for 1 s to 7 days, in ms.', field: 'forMs' }
const NO_INSTANCE: Fault = { fault: 'An instance is named by its id.', field: 'instanceId' }

function isProcessor(value: unknown): value is ProcessorName {
  return value === 'default' || value === 'fallback'
}

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null ? Object.fromEntries(Object.entries(body)) : {}
}
