// What the operators' command lines have in common: how they read and print instants, rates and
// amounts, and count things.

import { UsageError } from './failures.ts'

/** With an offset: a date alone, or a local time, could mean more than one instant. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/

/** Epoch ms of what stands after a flag, or what stands for its absence. Throws `UsageError`. */
export function readInstant(flag: string, text: string | undefined, absent: number): number {
  if (text === undefined) return absent
  const instant = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(instant)) {
    throw new UsageError(`--${flag} is an ISO instant with an offset, such as 2026-01-31T12:00:00Z`)
  }
  return instant
}

/** A whole number from 1 up. Throws `UsageError`. */
export function readRate(flag: string, text: string | undefined, absent: number): number {
  if (text === undefined) return absent
  const rate = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (rate === 0) throw new UsageError(`--${flag} is a whole number from 1 to 999999, not ${text}`)
  return rate
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
