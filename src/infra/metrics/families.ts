// Pit's metrics by name; each is read from the tallies at the moment of a scrape. docs/METRICS.md
// says what they mean to an operator.

import { Counter, Gauge } from 'prom-client'
import { countersOf } from './counters.ts'
import { PROCESSORS, type Family, type FamilyOptions } from './family.ts'
import { gaugesOf } from './gauges.ts'
import { addHistogram, type BucketTally, type MetricsRegistry } from './histogram.ts'
import type { ProcessorTally, Tallies } from './tallies.ts'

/** Registers all of them. */
export function addFamilies(registry: MetricsRegistry, options: FamilyOptions): void {
  for (const family of countersOf(options)) addCounter(registry, family)
  for (const family of gaugesOf(options)) addGauge(registry, family)
  addHistograms(registry, options.tallies)
}

function addHistograms(registry: MetricsRegistry, tallies: Tallies): void {
  const each = (pick: (tally: ProcessorTally) => BucketTally) =>
    PROCESSORS.map((processor) => [{ processor }, pick(tallies.processors[processor])] as const)
  const { accept, outcome } = tallies.commits
  addHistogram(registry, {
    name: 'pit_accept_duration_seconds',
    help: 'From a decoded payment to its answer.',
    series: [[{}, tallies.acceptSeconds]],
  })
  addHistogram(registry, {
    name: 'pit_attempt_duration_seconds',
    help: 'From the sending of a charge to its outcome.',
    series: each((tally) => tally.attemptSeconds),
  })
  addHistogram(registry, {
    name: 'pit_settlement_duration_seconds',
    help: 'From the acceptance of a payment to its settlement.',
    series: each((tally) => tally.settlementSeconds),
  })
  addHistogram(registry, {
    name: 'pit_commit_duration_seconds',
    help: 'Commits to PostgreSQL.',
    series: [
      [{ lane: 'accept' }, accept.seconds],
      [{ lane: 'outcome' }, outcome.seconds],
    ],
  })
  addHistogram(registry, {
    name: 'pit_commit_payments',
    help: 'Payments in one commit.',
    series: [
      [{ lane: 'accept' }, accept.payments],
      [{ lane: 'outcome' }, outcome.payments],
    ],
  })
}

function addCounter(registry: MetricsRegistry, { name, help, read }: Family): void {
  const counter: Counter = new Counter({
    name,
    help,
    labelNames: LABELS,
    registers: [registry],
    collect() {
      counter.reset()
      for (const [labels, value] of read()) counter.inc(labels, value)
    },
  })
}

function addGauge(registry: MetricsRegistry, { name, help, read }: Family): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    labelNames: LABELS,
    registers: [registry],
    collect() {
      gauge.reset()
      for (const [labels, value] of read()) gauge.set(labels, value)
    },
  })
}

/** Every label that some metric has: prom-client only refuses others, it does not demand these. */
const LABELS = [
  'processor',
  'outcome',
  'state',
  'kind',
  'source',
  'operation',
  'child',
  'instance_id',
  'version',
  'node',
]
