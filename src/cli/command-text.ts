// A command of an operator in words: who ordered what and why, and what it met.

import type { CommandMet, InstantsThatFit, ResolveMet } from '../actors/model/operator.ts'
import { asFields, type Fields } from './ask-pit.ts'
import { printInstant } from '../operator/command-line.ts'
import { PitUnreachable } from '../operator/failures.ts'
import { escaped } from '../operator/free-text.ts'

/** As the operators' port shows it. Instants are ISO texts. */
export interface ShownCommand {
  readonly id: number
  readonly at: string
  readonly by: string
  readonly via: string
  readonly kind: string
  readonly payload: Fields
  readonly reason: string
  readonly until: string | null
  readonly awaited: readonly string[]
  /** What it met, by instance. */
  readonly result: Fields
  readonly doneAt: string | null
  /** Whether whoever carried it out has gone before its end. */
  readonly isInterrupted: boolean
}

/** Throws `PitUnreachable` for what is no command: it is not Pit that has answered. */
export function readShownCommand(value: unknown): ShownCommand {
  const { id, at, by, via, kind, payload, reason, until, awaited, result, doneAt } =
    asFields(value) ?? {}
  const isInterrupted = asFields(value)?.['isInterrupted'] === true
  const [ordered, met] = [asFields(payload), asFields(result)]
  if (typeof id !== 'number' || ordered === undefined || met === undefined) {
    throw new PitUnreachable('what was answered is no command')
  }
  return {
    id,
    at: String(at),
    by: String(by),
    via: String(via),
    kind: String(kind),
    payload: ordered,
    reason: String(reason),
    until: typeof until === 'string' ? until : null,
    awaited: Array.isArray(awaited) ? awaited.map(String) : [],
    result: met,
    doneAt: typeof doneAt === 'string' ? doneAt : null,
    isInterrupted,
  }
}

/** Whether all instances have answered, and all know this kind of order. */
export function isObeyed({ doneAt, result }: ShownCommand): boolean {
  return doneAt !== null && !Object.values(result).some((met) => isUnknownAt(asFields(met)))
}

/** Whether the instance that met this does not know the order: it is of an older Pit. */
function isUnknownAt(met: Fields | undefined): boolean {
  const name: KeysOf<CommandMet> = 'notUnderstood'
  return met !== undefined && name in met
}

type KeysOf<Union> = Union extends unknown ? keyof Union : never

/** Some lines, each with its end. */
export function describeCommand(command: ShownCommand): string {
  const { id, at, by, via, kind, payload, reason, until, awaited, result } = command
  const about = ABOUT.flatMap((name) => (name in payload ? [wordFor(name, payload[name])] : []))
  const end = until === null ? '' : ` until ${until}`
  const instances = [...new Set([...awaited, ...Object.keys(result)])]
  const lines = [
    `${id}  ${at}  ${[kind, ...about].join(' ')}${end}, by ${by} (${via}): ${reason}`,
    ...instances.map((each) => `    ${each}: ${metAt(command, result[each])}`),
  ]
  return lines.map((line) => `${escaped(line)}\n`).join('')
}

/** What an order is about, in the order in which it is said; its end says for how long. */
const ABOUT = [
  'about',
  'correlationId',
  'processor',
  'instanceId',
  'to',
  'processors',
  'requestedAt',
  'unlisted',
] as const

function wordFor(name: (typeof ABOUT)[number], value: unknown): string {
  if (name === 'unlisted') return name
  if (name !== 'requestedAt') return String(value)
  return `at ${typeof value === 'number' ? printInstant(value) : String(value)}`
}

function metAt(command: ShownCommand, met: unknown): string {
  const { kind } = command
  const fields = asFields(met)
  if (kind === 'lookUp' || kind === 'redrive') return pacedMet(command, fields ?? {})
  if (fields === undefined) return 'has not answered'
  if (isUnknownAt(fields)) return UNKNOWN_ORDER
  if (kind === 'resolve') return resolveMet(command, fields)
  const told = Object.entries(fields).map(([name, value]) => `${name} was ${String(value)}`)
  return told.length === 0 ? 'obeys' : `obeys; ${told.join(', ')}`
}

const UNKNOWN_ORDER = 'does not know this command'

/** What an order about many payments has met, as far as it has come. */
function pacedMet({ kind, payload, doneAt, isInterrupted }: ShownCommand, met: Fields): string {
  const verb = kind === 'lookUp' ? 'due' : 'redriven'
  const payments = String(payload['payments'])
  const count = (name: string): string => String(Number(met[name] ?? 0))
  const done = count(verb)
  if (doneAt !== null) return `${done} of ${payments} payments ${verb}`
  const standing = isInterrupted ? 'interrupted' : 'under way'
  return `${standing}, ${count('handled')} of ${payments} done: ${done} ${verb}`
}

/** What the order to resolve a payment met, with the instants that would fit. */
function resolveMet({ payload }: ShownCommand, met: Fields): string {
  const words = RESOLVED[String(met['payment'])] ?? UNKNOWN_ORDER
  const fits: Record<keyof InstantsThatFit, unknown> = {
    acceptedAt: met['acceptedAt'],
    requestedAt: met['requestedAt'],
  }
  if (!Array.isArray(fits.requestedAt)) return words
  const print = (instant: unknown): string => printInstant(Number(instant))
  const known = fits.requestedAt.length === 0 ? 'none' : fits.requestedAt.map(print).join(', ')
  const where = `known attempts at ${String(payload['processor'])}: ${known}`
  return `${words} (accepted ${print(fits.acceptedAt)}; ${where})`
}

/** What the order to resolve a payment met, by the ledger's words. */
const RESOLVED: Readonly<Partial<Record<string, string>>> = {
  resolved: 'carried out',
  notInDoubt: 'refused: the payment is not in doubt there; nothing was changed',
  busy: 'refused: the payment is in work and not in doubt; nothing was changed',
  owned: 'refused: the payment was not handed back within 30 s; nothing was changed',
  settled: 'refused: the payment is settled; nothing was changed',
  rejected: 'refused: the payment is rejected; nothing was changed',
  unknown: 'refused: no payment has this id; nothing was changed',
  untimely: 'refused: nothing is requested before it is accepted, or later than now',
  unlisted: 'refused: no known attempt has this instant; --unlisted books it all the same',
} satisfies Record<ResolveMet, string>
