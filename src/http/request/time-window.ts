// The time window in a query string.

import type { TimeWindow } from '../../actors/model/payment.ts'

export type WindowQuery =
  | { readonly kind: 'window'; readonly window: TimeWindow }
  | { readonly kind: 'fault'; readonly detail: string; readonly field?: string }

type Round = 'up' | 'down'

/**
 * Reads `from` and `to`, both optional, both ISO-8601 instants with an offset, both ends inclusive.
 * Pit counts in whole milliseconds, so a finer `from` is rounded up and a finer `to` down: nothing
 * outside of the window is counted. Unknown, repeated and empty parameters are faults, because a
 * misspelt bound would silently count everything. A `from` after `to` is an empty window, as it is
 * at the processors. A plus stays a plus and is not read as a space.
 */
export function parseWindow(query: string): WindowQuery {
  const window: { from?: number; to?: number } = {}
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const [name, text] = decodePair(pair)
    if (name !== 'from' && name !== 'to') {
      return fault('Only from and to can be asked for.', PLAIN_NAME.exec(name)?.[0])
    }
    if (window[name] !== undefined) return fault(`${name} occurs more than once.`, name)
    const instant = text === undefined ? undefined : parseInstant(text, ROUNDING[name])
    if (instant === undefined) return fault(`${name} is not an ISO-8601 instant with offset.`, name)
    window[name] = instant
  }
  return { kind: 'window', window }
}

/** A name that an answer repeats; anything longer or stranger stays out of it. */
const PLAIN_NAME = /^\w{1,40}$/

const ROUNDING = { from: 'up', to: 'down' } as const

/** The text is undefined when there is none or its percent-encoding is broken. */
function decodePair(pair: string): [name: string, text: string | undefined] {
  const equals = pair.indexOf('=')
  if (equals === -1) return [pair, undefined]
  const name = pair.slice(0, equals)
  try {
    return [name, decodeURIComponent(pair.slice(equals + 1))]
  } catch {
    return [name, undefined]
  }
}

function fault(detail: string, field?: string): WindowQuery {
  return field === undefined ? { kind: 'fault', detail } : { kind: 'fault', detail, field }
}

const INSTANT =
  /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/i

/**
 * Epoch ms of `YYYY-MM-DDThh:mm[:ss[.f…]]` with `Z` or `±hh:mm`; digits finer than a millisecond
 * are rounded as asked. Undefined for anything else, including days that do not exist, hour 24 and
 * leap seconds.
 */
export function parseInstant(text: string, round: Round): number | undefined {
  const match = INSTANT.exec(text)
  if (match === null) return undefined
  const [, date = '', time = '', seconds = '00', fraction = '', sign, hours = '0', minutes = '0'] =
    match
  const local = `${date}T${time}:${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}Z`
  const epochMs = Date.parse(local)
  // Date.parse takes 30 February for 1 March; a day that does not print as it was read is none.
  if (Number.isNaN(epochMs) || new Date(epochMs).toISOString() !== local) return undefined
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000
  const isBetween = /[1-9]/.test(fraction.slice(3))
  return epochMs + (sign === '-' ? offsetMs : -offsetMs) + (isBetween && round === 'up' ? 1 : 0)
}
