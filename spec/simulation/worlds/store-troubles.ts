// What PostgreSQL and Redis do to single calls for a while: refuse them with a code of their own, cut
// the connection before or after the work, stay silent, or answer late.

import type { Chance } from '../chance.ts'

export interface StoreTrouble {
  /** Ports' calls that it is about; null: all. */
  readonly operations: ReadonlySet<string> | null
  /** Whether calls that only read are spared. */
  readonly spares: 'reads' | 'none'
  /** Share of these calls, 0 to 1. */
  readonly share: number
  readonly end: TroubleEnd
  /** SQLSTATE, or the first word of Redis' error. */
  readonly code: string
}

/** Before or after: whether the work was done. */
export type TroubleEnd =
  'refused' | 'cutBefore' | 'cutAfter' | 'silentBefore' | 'silentAfter' | 'late'

export const TROUBLE_ENDS: readonly TroubleEnd[] = [
  'refused',
  'cutBefore',
  'cutAfter',
  'silentBefore',
  'silentAfter',
  'late',
]

export const LEDGER_CALLS = [
  'acquireLease renewLease releaseLease accept record claimDue claimParked listParked',
  'countOpen takeOver summarize find purge',
].flatMap((names) => names.split(' '))

export const CACHE_CALLS = [
  'takeProbeLease publishHealth readHealth publishCircuit readCircuits schedule takeDue',
  'claimRebuild add remove read clear',
].flatMap((names) => names.split(' '))

/** Caches' calls that only read. */
export const CACHE_READS: ReadonlySet<string> = new Set(['readHealth', 'readCircuits', 'read'])

/** One of each class of SQLSTATE that a driver meets in operation. */
const SQLSTATES = [
  '08006 0A000 22003 23505 23514 25P02 25006 26000 28000 34000 40001 40P01 42501 42P01',
  '53100 53200 53300 54000 55006 55P03 57014 57P01 57P02 57P03 57P05 58030 F0000 XX000',
  'XX001',
].flatMap((names) => names.split(' '))

export function drawLedgerTrouble(chance: Chance): StoreTrouble {
  if (chance.happens(0.25)) return { ...READ_ONLY, share: chance.pick([1, 1, 0.5]) }
  const end = chance.pick(TROUBLE_ENDS)
  return {
    operations: drawOperations(chance, LEDGER_CALLS),
    spares: 'none',
    share: chance.happens(0.5) ? 1 : chance.between([0.1, 0.9]),
    end,
    code: end.startsWith('cut') ? '08006' : chance.pick(SQLSTATES),
  }
}

/** A standby, or a server that its hoster has set so: reads are answered. */
export const READ_ONLY: StoreTrouble = {
  operations: null,
  spares: 'reads',
  share: 1,
  end: 'refused',
  code: '25006',
}

export function drawCacheTrouble(chance: Chance): StoreTrouble {
  const refused = { operations: null, spares: 'none', share: 1, end: 'refused' } as const
  const kind = chance.below(4)
  if (kind === 0) {
    const writes = CACHE_CALLS.filter((call) => !CACHE_READS.has(call))
    return { ...refused, operations: new Set(writes), code: 'READONLY' }
  }
  const operations = drawOperations(chance, CACHE_CALLS)
  if (kind === 1) return { ...refused, operations, code: 'NOPERM' }
  if (kind === 2) return { ...refused, operations, code: 'CROSSSLOT' }
  const share = chance.between([0.2, 1])
  return { operations, spares: 'none', share, end: chance.pick(TROUBLE_ENDS), code: 'LOADING' }
}

function drawOperations(chance: Chance, all: readonly string[]): ReadonlySet<string> | null {
  const count = chance.pick([1, 1, 1, 3, all.length])
  if (count === all.length) return null
  return new Set(Array.from({ length: count }, () => chance.pick(all)))
}

export function concerns(
  { operations, spares }: StoreTrouble,
  call: { readonly operation: string; readonly effect: 'reads' | 'writes' },
): boolean {
  if (spares === 'reads' && call.effect === 'reads') return false
  return operations === null || operations.has(call.operation)
}

export function describeTrouble({ operations, spares, share, end, code }: StoreTrouble): string {
  const all = spares === 'reads' ? 'all that writes' : 'everything'
  const what = operations === null ? all : [...operations].join(', ')
  const which = share === 1 ? '' : ` (${Math.round(share * 100)} %)`
  return `${what}${which} ${END_WORDS[end]} (${code})`
}

const END_WORDS: Readonly<Record<TroubleEnd, string>> = {
  refused: 'is refused',
  cutBefore: 'is cut off before it is done',
  cutAfter: 'is cut off when it is done',
  silentBefore: 'is not done and not answered',
  silentAfter: 'is done and not answered',
  late: 'is answered late',
}
