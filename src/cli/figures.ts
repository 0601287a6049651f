// What an operator wants to know of an instance, out of its metrics.

import { quantile, type Labels, type Samples } from './samples.ts'
import type { ProcessorName } from '../actors/model/payment.ts'

/**
 * Counts are since the start of the instance; rates and times since the scrape before, if any. Null
 * is what the metrics do not say: those of another version may lack some.
 */
export interface Figures {
  readonly instance: string
  readonly version: string
  readonly ready: boolean
  readonly accepted: number | null
  readonly acceptedPerSecond: number | null
  readonly known: number | null
  readonly conflicting: number | null
  readonly refused: number | null
  readonly rejected: number | null
  readonly waiting: number | null
  readonly inDoubt: number | null
  /** Parked payments of all instances; null when the ledger did not answer. */
  readonly parked: number | null
  readonly acceptP50Ms: number | null
  readonly acceptP99Ms: number | null
  readonly feePaidCents: number | null
  readonly processors: Readonly<Record<ProcessorName, ProcessorFigures>>
}

export interface ProcessorFigures {
  readonly circuit: string
  readonly settled: number | null
  readonly settledPerSecond: number | null
  readonly settledCents: number | null
  readonly inFlight: number | null
  readonly attemptP50Ms: number | null
  readonly attemptP99Ms: number | null
}

/** One scrape and its monotonic instant, ms. */
export interface Scrape {
  readonly samples: Samples
  readonly at: number
}

export function figuresOf(now: Scrape, before: Scrape | undefined): Figures {
  const { samples } = now
  const count = (name: string): number | null => sumOf(samples, `pit_payments_${name}_total`)
  const accept = timesOf({ now, before }, 'pit_accept_duration_seconds')
  const processors = {
    default: processorFigures(now, before, 'default'),
    fallback: processorFigures(now, before, 'fallback'),
  }
  return {
    instance: samples.label('pit_build_info', 'instance_id') ?? '?',
    version: samples.label('pit_build_info', 'version') ?? '?',
    ready: samples.sum('pit_ready') === 1,
    accepted: count('accepted'),
    acceptedPerSecond: rateOf({ now, before }, 'pit_payments_accepted_total'),
    known: count('known'),
    conflicting: count('conflicting'),
    refused: count('refused'),
    rejected: count('rejected'),
    waiting: sumOf(samples, 'pit_payments_waiting'),
    inDoubt: sumOf(samples, 'pit_payments_in_work', { state: 'confirming' }),
    parked: sumOf(samples, 'pit_ledger_open_payments', { kind: 'parked' }),
    acceptP50Ms: accept.p50Ms,
    acceptP99Ms: accept.p99Ms,
    feePaidCents: feePaid(samples),
    processors,
  }
}

function processorFigures(
  now: Scrape,
  before: Scrape | undefined,
  processor: ProcessorName,
): ProcessorFigures {
  const { samples } = now
  const labels = { processor }
  const states = ['closed', 'open', 'halfOpen', 'heldOpen', 'heldClosed']
  const circuit = states.find(
    (state) => samples.sum('pit_circuit_state', { processor, state }) === 1,
  )
  const attempt = timesOf({ now, before }, 'pit_attempt_duration_seconds', labels)
  return {
    circuit: circuit ?? '?',
    settled: sumOf(samples, 'pit_payments_settled_total', labels),
    settledPerSecond: rateOf({ now, before }, 'pit_payments_settled_total', labels),
    settledCents: sumOf(samples, 'pit_settled_cents_total', labels),
    inFlight: sumOf(samples, 'pit_charges_in_flight', labels),
    attemptP50Ms: attempt.p50Ms,
    attemptP99Ms: attempt.p99Ms,
  }
}

interface Scrapes {
  readonly now: Scrape
  readonly before: Scrape | undefined
}

function rateOf({ now, before }: Scrapes, name: string, labels?: Labels): number | null {
  if (before === undefined) return null
  const [count, earlier] = [now, before].map(({ samples }) => samples.sum(name, labels))
  if (count === undefined || earlier === undefined) return null
  const grown = count - earlier
  // A count that shrank belongs to an instance that has started again.
  return grown < 0 ? null : grown / ((now.at - before.at) / 1000)
}

function timesOf(
  { now, before }: Scrapes,
  name: string,
  labels?: Labels,
): { p50Ms: number | null; p99Ms: number | null } {
  const [counted, earlier] = [now, before].map(
    (scrape) => scrape?.samples.buckets(name, labels) ?? [],
  )
  const ms = (share: number): number | null => {
    const seconds = quantile(share, counted ?? [], earlier)
    return seconds === undefined ? null : seconds * 1000
  }
  return { p50Ms: ms(0.5), p99Ms: ms(0.99) }
}

function sumOf(samples: Samples, name: string, labels?: Labels): number | null {
  return samples.sum(name, labels) ?? null
}

/** At both processors, whole cents. */
function feePaid(samples: Samples): number | null {
  const [atDefault, atFallback] = [feeOf(samples, 'default'), feeOf(samples, 'fallback')]
  return atDefault === null || atFallback === null ? null : Math.round(atDefault + atFallback)
}

function feeOf(samples: Samples, processor: ProcessorName): number | null {
  const cents = samples.sum('pit_settled_cents_total', { processor })
  const ratio = samples.sum('pit_processor_fee_ratio', { processor })
  return cents === undefined || ratio === undefined ? null : cents * ratio
}
