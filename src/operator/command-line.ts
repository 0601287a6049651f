// What the operators' command lines have in common: how they read and print instants, rates and
// amounts, and count things.

import { parseArgs, type ParseArgsConfig } from 'node:util'
import { nearWord } from '../config/near-names.ts'
import { UsageError } from './failures.ts'
import { whyNoReason } from './free-text.ts'

/** What stands behind the command's name. Throws `UsageError` of one sentence. */
export function readArguments<Declared extends ParseArgsConfig>(
  command: string,
  declared: Declared,
): ReturnType<typeof parseArgs<Declared>> {
  try {
    return parseArgs(declared)
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    // Node goes on with what is seldom meant.
    const [fault = ''] = said.split(/[.\n]/, 1)
    const [, given] = /^Unknown option '-*([^']+)'/.exec(said) ?? []
    const options = Object.keys(declared.options ?? {})
    const near = given === undefined ? undefined : nearWord(given, options)
    const hint = near === undefined ? '' : `; did you mean --${near}?`
    throw new UsageError(`${fault}${hint} (${command} --help says what it takes)`, { cause })
  }
}

/** The offset is demanded: a date alone, or a local time, could mean more than one instant. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/

/** Epoch ms of what stands after a flag, or what stands for its absence. Throws `UsageError`. */
export function readInstant(flag: string, text: string | undefined, absent: number): number {
  if (text === undefined) return absent
  const instant = instantOf(text)
  if (instant === undefined) {
    throw new UsageError(`--${flag} is an ISO instant with an offset, such as 2026-01-31T12:00:00Z`)
  }
  return instant
}

/** Epoch ms; undefined for what is no ISO instant with an offset. */
export function instantOf(text: string): number | undefined {
  const instant = INSTANT.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : Number.NaN
  return Number.isNaN(instant) ? undefined : instant
}

/** Date.parse takes 30 February for 2 March. */
function isDay(text: string): boolean {
  const day = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text)
}

/** A whole number from 1 up. Throws `UsageError`. */
export function readRate(flag: string, text: string | undefined, absent: number): number {
  if (text === undefined) return absent
  const rate = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (rate === 0) throw new UsageError(`--${flag} is a whole number from 1 to 999999, not ${text}`)
  return rate
}

/** The URL without a slash at its end. Throws `UsageError`. @param flag absent: it stands alone. */
export function readHttpUrl(flag: string | undefined, text: string): string {
  if (URL.canParse(text) && /^https?:/.test(text)) return text.replace(/\/$/, '')
  throw new UsageError(
    flag === undefined ? `no URL: ${text}` : `--${flag} is an http address, not ${text}`,
  )
}

/** What stands after --reason, if anything has to or does. Throws `UsageError`. */
export function readReason(text: string | undefined): string | undefined {
  const why = text === undefined ? undefined : whyNoReason(text)
  if (why !== undefined) throw new UsageError(`--reason: ${why}`)
  return text
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

/** The id in lower case. Throws `UsageError`. @param taker what takes it: a flag or a command. */
export function readPaymentId(taker: string, text: string): string {
  if (UUID.test(text)) return text.toLowerCase()
  throw new UsageError(`${taker} takes the id of a payment, which is a UUID, not ${text}`)
}

/** What is beyond a `Date` as it is. @param instant epoch ms. */
export function printInstant(instant: number): string {
  const date = new Date(instant)
  return Number.isNaN(date.getTime()) ? `${instant} ms` : date.toISOString()
}

/** Two decimals, however large it is. */
export function printCents(cents: bigint): string {
  const digits = String(cents < 0n ? -cents : cents).padStart(3, '0')
  return `${cents < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

/** A number with its noun in singular or plural; `-1` is one, too. */
export function counted(count: number | bigint, noun: string): string {
  return /^-?1$/.test(String(count)) ? `${count} ${noun}` : `${count} ${noun}s`
}
