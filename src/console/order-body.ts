// What is posted as an order, read and judged: one to the instances, or one about many payments.

import type { PaymentFilter } from '../actors/model/found-payments.ts'
import type { Order, PacedKind } from '../actors/model/operator.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import { PAYMENTS_MAX } from '../operator/paced-command.ts'
import { FILTER_FIELDS, filterQuery, readFilter } from '../operator/payment-filter.ts'
import { whyNoReason } from '../operator/free-text.ts'

/** What is wrong with it, as a sentence, and in which field. */
export type Fault = { readonly fault: string; readonly field: string }

/** Longest time that a circuit is held, ms: a week. */
const HOLD_MAX_MS = 7 * 24 * 3_600_000
const HOLD_MIN_MS = 1_000

/** What is to be looked up or redriven: a payment, or as many of a filter as were counted. */
export type PacedAbout =
  { readonly correlationId: string } | (Matched & { readonly counted: number })

export interface Matched {
  readonly filter: PaymentFilter
  /** The same as a query. */
  readonly query: string
}

export type ReadCommand =
  | { readonly order: Order; readonly reason: string }
  | { readonly kind: PacedKind; readonly about: PacedAbout; readonly reason: string }

/** `{ kind, reason, … }`, with what that kind of order takes. */
export function readCommand(body: unknown): ReadCommand | Fault {
  const given = fieldsOf(body)
  const { kind } = given
  const reason = readReason(given)
  if (isPaced(kind)) {
    const about = readAbout(kind, given)
    if ('fault' in about) return about
    return typeof reason === 'string' ? { kind, about, reason } : reason
  }
  const order = readOrder(given)
  if ('fault' in order) return order
  return typeof reason === 'string' ? { order, reason } : reason
}

/** `{ kind, filter }`: what is to be counted. */
export function readMatched(body: unknown): (Matched & { readonly kind: PacedKind }) | Fault {
  const given = fieldsOf(body)
  const { kind } = given
  if (!isPaced(kind))
    return { fault: 'What is counted is for a lookUp or a redrive.', field: 'kind' }
  const read = readFilterOf(kind, given)
  return 'fault' in read ? read : { ...read, kind }
}

function readReason({ reason }: Readonly<Record<string, unknown>>): string | Fault {
  const said = typeof reason === 'string' ? reason.trim() : ''
  const fault = whyNoReason(said)
  return fault === undefined ? said : { fault, field: 'reason' }
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
        fault: 'A command is a pause, resume, hold, drain, resolve, lookUp or redrive.',
        field: 'kind',
      }
  }
}

/** The state that a payment has to be in. */
const STATES = { lookUp: 'parked', redrive: 'rejected' } as const

function isPaced(kind: unknown): kind is PacedKind {
  return typeof kind === 'string' && Object.hasOwn(STATES, kind)
}

function readAbout(kind: PacedKind, given: Readonly<Record<string, unknown>>): PacedAbout | Fault {
  const { correlationId, counted } = given
  if (correlationId !== undefined) {
    const id = typeof correlationId === 'string' ? correlationId.toLowerCase() : ''
    return UUID.test(id) ? { correlationId: id } : NO_PAYMENT
  }
  const read = readFilterOf(kind, given)
  if ('fault' in read) return read
  const isCount = typeof counted === 'number' && Number.isInteger(counted)
  if (!isCount || counted < 1 || counted > PAYMENTS_MAX) return NOT_COUNTED
  return { ...read, counted }
}

/** A filter by an id has no state beside it: those of another one are left out once they are found. */
function readFilterOf(
  kind: PacedKind,
  { filter }: Readonly<Record<string, unknown>>,
): Matched | Fault {
  const fields = Object.entries(fieldsOf(filter))
  const isFilter = fields.every(
    ([name, text]) => FILTER_FIELDS.some((each) => each === name) && typeof text === 'string',
  )
  const isObject = typeof filter === 'object' && filter !== null && !Array.isArray(filter)
  if (!isObject || !isFilter) return NO_FILTER
  const texts = Object.fromEntries(fields.map(([name, text]) => [name, String(text)]))
  const asked = readFilter(texts)
  if (asked.kind === 'fault') return { fault: `${asked.field} ${asked.takes}.`, field: asked.field }
  const { states, idPrefix } = asked.filter
  const state = STATES[kind]
  if (states !== undefined && !states.includes(state)) {
    return { fault: `state has to have ${state} in it.`, field: 'state' }
  }
  const read = readFilter(idPrefix === undefined ? { ...texts, state } : texts)
  if (read.kind === 'fault') return { fault: `${read.field} ${read.takes}.`, field: read.field }
  return { filter: read.filter, query: filterQuery(read.filter) }
}

const NO_FILTER: Fault = {
  fault: `A filter is an object of texts, named ${FILTER_FIELDS.join(', ')}.`,
  field: 'filter',
}
const NOT_COUNTED: Fault = {
  fault: `How many were counted is a whole number from 1 to ${PAYMENTS_MAX}.`,
  field: 'counted',
}

/** Which instants fit is for the ledger to say, which carries the order out. */
function readResolve(given: Readonly<Record<string, unknown>>): Order | Fault {
  const { correlationId: id, to, processor, processors, requestedAt, unlisted } = given
  const correlationId = String(id).toLowerCase()
  if (!UUID.test(correlationId)) return NO_PAYMENT
  const named = { kind: 'resolve', correlationId } as const
  if (to === 'settled') {
    if (!isProcessor(processor)) return NO_PROCESSOR
    const at = typeof requestedAt === 'string' ? Date.parse(requestedAt) : Number.NaN
    if (!(at > 0) || new Date(at).toISOString() !== requestedAt) return NO_INSTANT
    if (unlisted !== undefined && unlisted !== true) return NOT_UNLISTED
    const settled = { ...named, to, processor, requestedAt: at } as const
    return unlisted === true ? { ...settled, unlisted } : settled
  }
  if (to !== 'never') return NOT_RESOLVED_TO
  const all = Array.isArray(processors) ? processors : []
  if (all.length === 0 || !all.every(isProcessor)) return NO_PROCESSORS
  return { ...named, to, processors: [...new Set(all)] }
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

const NO_PAYMENT: Fault = { fault: 'A payment is named by its id, a UUID.', field: 'correlationId' }
const NO_INSTANT: Fault = {
  fault: 'It was requested at an ISO instant in UTC with milliseconds.',
  field: 'requestedAt',
}
const NOT_UNLISTED: Fault = {
  fault: 'It is unlisted, true, or that is left out.',
  field: 'unlisted',
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
