// What an operator wants to know of an instance, out of its metrics.

import { quantile, type Samples } from './samples.ts'
import type { ProcessorName } from '../actors/model/payment.ts'

/** Counts are since the start of the instance; rates and times since the scrape before, if any. */
export interface Figures {
  readonly instance: string
  readonly version: string
  readonly ready: boolean
  readonly accepted: number
  readonly acceptedPerSecond: number | null
  readonly known: number
  readonly conflicting: number
  readonly refused: number
  readonly rejected: number
  readonly waiting: number
  readonly inDoubt: number
  /** Parked payments of all instances; null when the ledger did not answer. */
  readonly parked: number | null
  readonly acceptP50Ms: number | null
  readonly acceptP99Ms: number | null
  readonly feePaidCents: number
  readonly processors: Readonly<Record<ProcessorName, ProcessorFigures>>
}

export interface ProcessorFigures {
  readonly circuit: string
  readonly settled: number
  readonly settledPerSecond: number | null
  readonly settledCents: number
  readonly inFlight: number
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
  const count = (name: string): number => samples.sum(`pit_payments_${name}_total`) ?? 0
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
    waiting: samples.sum('pit_payments_waiting') ?? 0,
    inDoubt: samples.sum('pit_payments_in_work', { state: 'confirming' }) ?? 0,
    parked: samples.sum('pit_ledger_open_payments', { kind: 'parked' }) ?? null,
    acceptP50Ms: accept.p50Ms,
    acceptP99Ms: accept.p99Ms,
    feePaidCents: Math.round(feeOf(samples, 'default') + feeOf(samples, 'fallback')),
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
  const states = ['closed', 'open', 'halfOpen']
  const circuit = states.find(
    (state) => samples.sum('pit_circuit_state', { processor, state }) === 1,
  )
  const attempt = timesOf({ now, before }, 'pit_attempt_duration_seconds', labels)
  return {
    circuit: circuit ?? '?',
    settled: samples.sum('pit_payments_settled_total', labels) ?? 0,
    settledPerSecond: rateOf({ now, before }, 'pit_payments_settled_total', labels),
    settledCents: samples.sum('pit_settled_cents_total', labels) ?? 0,
    inFlight: samples.sum('pit_charges_in_flight', labels) ?? 0,
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
  const grown = (now.samples.sum(name, labels) ?? 0) - (before.samples.sum(name, labels) ?? 0)
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

function feeOf(samples: Samples, processor: ProcessorName): number {
  const cents = samples.sum('pit_settled_cents_total', { processor }) ?? 0
  return cents * (samples.sum('pit_processor_fee_ratio', { processor }) ?? 0)
}

type Labels = Readonly<Record<string, string>>
