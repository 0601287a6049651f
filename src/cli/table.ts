// Figures as text: a table for a terminal, a line for a log.

import { formatCents } from '../actors/model/money.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import type { Figures } from './figures.ts'
import { escaped } from '../operator/free-text.ts'

/** What one address answered, or why it did not. */
export type Answer = { readonly url: string; readonly figures: Figures } | Silent

interface Silent {
  readonly url: string
  readonly fault: string
  /** What is probably wrong with the address. */
  readonly hint?: string | undefined
}

const LABEL_WIDTH = 20
const COLUMN_WIDTH = 24

/** One column per instance, a heading with the time above. */
export function tableOf(all: readonly Answer[], at: string): string {
  const rows = ROWS.map(([label, cell]) =>
    [
      label.padEnd(LABEL_WIDTH),
      ...all.map((answer) => escaped(cellOf(answer, cell)).padEnd(COLUMN_WIDTH)),
    ]
      .join('')
      .trimEnd(),
  )
  const hints = all.flatMap((each) => ('fault' in each ? hintOf(each) : []))
  return `pit status, ${at}\n\n${[...rows, ...hints].join('\n')}\n`
}

function hintOf({ url, hint }: Silent): readonly string[] {
  return hint === undefined ? [] : ['', `${url}: ${hint}`]
}

/** `name=value` pairs, for what reads lines. */
export function lineOf(answer: Answer, at: string): string {
  if ('fault' in answer) {
    const { url, fault, hint } = answer
    const more = hint === undefined ? '' : ` hint=${JSON.stringify(hint)}`
    return escaped(`${at} url=${url} fault=${JSON.stringify(fault)}${more}`)
  }
  const { processors, ...figures } = answer.figures
  const perProcessor = Object.entries(processors).flatMap(([name, own]) =>
    Object.entries(own).map(([key, value]) => [`${name}.${key}`, value] as const),
  )
  const pairs = [...Object.entries(figures), ...perProcessor]
  return escaped(`${at} ${pairs.map(([key, value]) => `${key}=${plain(value)}`).join(' ')}`)
}

type Cell = (figures: Figures) => string

const ROWS: readonly (readonly [label: string, cell: Cell])[] = [
  ['instance', ({ instance }) => instance],
  ['state', ({ ready }) => (ready ? 'ready' : 'not ready')],
  ['accepted', ({ accepted, acceptedPerSecond }) => counted(accepted, acceptedPerSecond)],
  [
    'posted again',
    ({ known, conflicting }) => `${whole(known)}, conflicting ${whole(conflicting)}`,
  ],
  ['refused (503)', ({ refused }) => whole(refused)],
  ['accept p50, p99', ({ acceptP50Ms, acceptP99Ms }) => times(acceptP50Ms, acceptP99Ms)],
  ['waiting, in doubt', ({ waiting, inDoubt }) => `${whole(waiting)}, ${whole(inDoubt)}`],
  ['parked, rejected', ({ parked, rejected }) => `${whole(parked)}, ${whole(rejected)}`],
  ['fee paid', ({ feePaidCents }) => money(feePaidCents)],
  ...processorRows('default'),
  ...processorRows('fallback'),
]

function processorRows(name: ProcessorName): readonly (readonly [string, Cell])[] {
  const own = ({ processors }: Figures): Figures['processors']['default'] => processors[name]
  return [
    ['', () => ''],
    [name, (figures) => `circuit ${own(figures).circuit}`],
    ['  settled', (figures) => counted(own(figures).settled, own(figures).settledPerSecond)],
    ['  amount', (figures) => money(own(figures).settledCents)],
    ['  in flight', (figures) => whole(own(figures).inFlight)],
    ['  took p50, p99', (figures) => times(own(figures).attemptP50Ms, own(figures).attemptP99Ms)],
  ]
}

function cellOf(answer: Answer, cell: Cell): string {
  if ('figures' in answer) return cell(answer.figures)
  // A silent address stands where the instance's name would, and the reason below it.
  if (cell === ROWS[0]?.[1]) return new URL(answer.url).host
  return cell === ROWS[1]?.[1] ? answer.fault : ''
}

function counted(count: number | null, perSecond: number | null): string {
  return perSecond === null ? whole(count) : `${whole(count)} (${perSecond.toFixed(0)}/s)`
}

function times(p50Ms: number | null, p99Ms: number | null): string {
  return p50Ms === null || p99Ms === null ? '–' : `${p50Ms.toFixed(2)}, ${p99Ms.toFixed(2)} ms`
}

function money(cents: number | null): string {
  return cents === null ? '?' : formatCents(cents)
}

function whole(count: number | null): string {
  return count === null ? '?' : count.toLocaleString('en-US')
}

function plain(value: string | number | boolean | null): string {
  return typeof value === 'number' ? String(Math.round(value * 1000) / 1000) : String(value ?? '-')
}
