// Each metric of Pit with its name, its meaning and where its values are read at a scrape.
// docs/METRICS.md says what they mean to an operator.

import { Counter, Gauge, type LabelValues } from 'prom-client'
import type { PaymentState, ProcessorName } from '../../actors/model/payment.ts'
import type { OpenCount } from '../../actors/model/ports.ts'
import { addHistogram, type BucketTally, type MetricsRegistry } from './histogram.ts'
import type { ProcessorTally, Tallies, CircuitState } from './tallies.ts'

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

/** Every label of a counter or gauge: prom-client only refuses others, it does not demand these. */
const LABELS = [
  'processor',
  'outcome',
  'state',
  'kind',
  'source',
  'operation',
  'child',
  'clock',
  'instance_id',
  'version',
  'node',
]

/** All counters. */
function countersOf(options: FamilyOptions): readonly Family[] {
  return [paymentCounters, workCounters, troubleCounters, archiveCounters].flatMap((each) =>
    each(options),
  )
}

function paymentCounters({ tallies, moment }: FamilyOptions): readonly Family[] {
  const one = (name: string, help: string, read: () => number): Family => {
    return { name: `pit_payments_${name}_total`, help, read: () => [[{}, read()]] }
  }
  const each = byProcessor(tallies)
  return [
    one('accepted', 'New payments committed by this instance.', () => tallies.accepted),
    one('known', 'Payments posted again, same amount: 202.', () => tallies.known),
    one('conflicting', 'Payments posted again, other amount: 409.', () => tallies.conflicting),
    one('refused', 'Posts of payments answered 503.', () => moment().edge.refused),
    one('parked', 'Payments handed to the retry queue.', () => tallies.parked),
    one('broken', 'Payments whose actor failed by a bug.', () => tallies.broken),
    each(
      'pit_payments_settled_total',
      'Payments settled by writes of this instance.',
      (tally) => tally.settled,
    ),
    each('pit_settled_cents_total', 'Amounts settled, cents.', (tally) => tally.settledCents),
    each('pit_payments_rejected_total', 'Payments rejected for good.', (tally) => tally.rejected),
    each(
      'pit_controls_missing_total',
      'Minutes in which a processor did not find what was settled there.',
      (tally) => tally.controlsMissing,
    ),
    each('pit_lookups_failed_total', 'Look-ups that said nothing.', (tally) => tally.lookUpsFailed),
    {
      name: 'pit_payments_contradicted_total',
      help: 'Payments of which a processor said what cannot be true.',
      read: () =>
        PROCESSORS.flatMap((processor) =>
          Object.entries(tallies.processors[processor].contradictions).map(
            ([kind, value]): Sample => [{ processor, kind }, value],
          ),
        ),
    },
    {
      name: 'pit_payments_claimed_total',
      help: 'Payments claimed from the retry queue or taken over from dead instances.',
      read: () => Object.entries(tallies.claimed).map(([source, value]) => [{ source }, value]),
    },
  ]
}

function archiveCounters({ tallies }: FamilyOptions): readonly Family[] {
  return [
    {
      name: 'pit_archived_payments_total',
      help: 'Settled payments that this instance has moved to the archive.',
      read: () => [[{}, tallies.archived]],
    },
    one('pit_archive_waits_total', 'Archive passes broken off.', () => tallies.archiveWaits),
  ]
}

function workCounters({ tallies, moment }: FamilyOptions): readonly Family[] {
  return [
    {
      name: 'pit_attempts_total',
      help: 'Charges sent to processors, by how they ended.',
      read: () =>
        PROCESSORS.flatMap((processor) =>
          Object.entries(tallies.processors[processor].attempts).map(([outcome, value]): Sample => [
            { processor, outcome },
            value,
          ]),
        ),
    },
    {
      name: 'pit_circuit_changes_total',
      help: 'Changes of a processor’s circuit, by the state it came to.',
      read: () =>
        perCircuitState((processor, state) => tallies.processors[processor].circuitChanges[state]),
    },
    {
      name: 'pit_ledger_failures_total',
      help: 'Calls to PostgreSQL that failed, by operation.',
      read: () => [...tallies.ledgerFailures].map(([operation, value]) => [{ operation }, value]),
    },
    {
      name: 'pit_accepts_refused_total',
      help: 'Payments that PostgreSQL refused by itself; their clients were answered 503.',
      read: () => [[{}, tallies.acceptsRefused]],
    },
    {
      name: 'pit_outcomes_refused_total',
      help: 'Refusals of one outcome by PostgreSQL; it is kept aside and tried again.',
      read: () => [[{}, tallies.outcomesRefused]],
    },
    {
      name: 'pit_rows_damaged_total',
      help: 'Rows of payments in PostgreSQL that could not be read.',
      read: () => [[{}, tallies.rowsDamaged]],
    },
    {
      name: 'pit_redis_failures_total',
      help: 'Calls to Redis that failed, by kind.',
      read: () => [...moment().redisFailures].map(([kind, value]) => [{ kind }, value]),
    },
    {
      name: 'pit_child_restarts_total',
      help: 'Long-lived actors that failed and were started again.',
      read: () => [...tallies.restarts].map(([child, value]) => [{ child }, value]),
    },
  ]
}

function troubleCounters({ tallies, moment }: FamilyOptions): readonly Family[] {
  return [
    one('pit_console_bugs_total', 'Bugs that the console met.', () => moment().consoleBugs),
    one('pit_leases_lost_total', 'Leases lost to other instances.', () => tallies.leasesLost),
    {
      name: 'pit_instance_doubled_total',
      help: 'Times, one a minute at most, that another living process was seen under this INSTANCE_ID.',
      read: () => [[{}, tallies.doubled]],
    },
    {
      name: 'pit_history_changes_total',
      help: 'Times that PostgreSQL was found restored or failed over, and may have lost commits.',
      read: () => [[{}, tallies.historyChanges]],
    },
    {
      name: 'pit_commands_total',
      help: 'Commands that operators have given over this instance, by kind.',
      read: () => Object.entries(tallies.commands).map(([kind, value]) => [{ kind }, value]),
    },
    {
      name: 'pit_access_refused_total',
      help: 'Requests to the operators’ port that were not carried out, by reason.',
      read: () => Object.entries(tallies.accessRefused).map(([kind, value]) => [{ kind }, value]),
    },
    {
      name: 'pit_clock_steps_total',
      help: 'Clocks that were set, or stood still, as the monotonic clock of this instance shows.',
      read: () => Object.entries(tallies.clockSteps).map(([clock, value]) => [{ clock }, value]),
    },
  ]
}

function byProcessor(tallies: Tallies) {
  return (name: string, help: string, read: (tally: ProcessorTally) => number): Family => ({
    name,
    help,
    read: () => PROCESSORS.map((processor) => [{ processor }, read(tallies.processors[processor])]),
  })
}

function one(name: string, help: string, read: () => number): Family {
  return { name, help, read: () => [[{}, read()]] }
}

/** All gauges. */
function gaugesOf(options: FamilyOptions): readonly Family[] {
  const { instanceId, version, fees, tallies, moment } = options
  const node = process.version
  const perProcessor = (name: string, help: string, read: Read<number | undefined>): Family => {
    return { name, help, read: () => PROCESSORS.flatMap((processor) => sample(processor, read)) }
  }
  const announced = (name: ProcessorName) => tallies.processors[name].announced
  return [
    {
      name: 'pit_build_info',
      help: 'Always 1; the labels say what runs.',
      read: () => [[{ instance_id: instanceId, version, node }, 1]],
    },
    one('pit_ready', 'Whether payments are let in and can be committed.', () =>
      Number(moment().ready),
    ),
    one('pit_lease_held', 'Whether the lease is held.', () => Number(moment().holdsLease)),
    one('pit_http_in_flight', 'Requests waiting for an answer.', () => moment().edge.inFlight),
    one('pit_payments_waiting', 'Waiting in memory.', () => tallies.gauges.ready),
    perProcessor('pit_charges_in_flight', 'Charges in flight.', (name) => {
      return tallies.gauges.inFlight[name]
    }),
    {
      name: 'pit_payments_in_work',
      help: 'Payments that have an actor, by state; those confirming are in doubt.',
      read: () => WORKED_ON.map((state) => [{ state }, tallies.gauges.byState[state] ?? 0]),
    },
    ...ledgerGauges(options),
    {
      name: 'pit_circuit_state',
      help: '1 for the state that the circuit is in.',
      read: () =>
        perCircuitState((name, state) => Number(tallies.processors[name].circuit === state)),
    },
    perProcessor('pit_processor_failing', 'Whether it says that it fails.', (name) => {
      const said = announced(name)
      return said === undefined ? undefined : Number(said.failing)
    }),
    perProcessor('pit_processor_min_response_seconds', 'As it says itself.', (name) => {
      const said = announced(name)
      return said === undefined ? undefined : said.minResponseMs / 1000
    }),
    perProcessor('pit_processor_fee_ratio', 'Share it keeps.', (name) => fees[name]),
  ]
}

function ledgerGauges({ tallies, moment }: FamilyOptions): readonly Family[] {
  return [
    {
      name: 'pit_ledger_open_payments',
      help: 'Open payments of all instances in PostgreSQL: parked ones wait for a retry.',
      read: () => {
        const { open } = moment()
        if (open === undefined) return []
        return [
          [{ kind: 'parked' }, open.parked],
          [{ kind: 'owned' }, open.owned],
        ]
      },
    },
    {
      name: 'pit_ledger_oldest_open_seconds',
      help: 'Age of the oldest open payment of all instances in PostgreSQL; 0 without any.',
      read: () =>
        moment().open === undefined ? [] : [[{}, (moment().open?.oldestMs ?? 0) / 1000]],
    },
    {
      name: 'pit_oldest_settled_seconds',
      help: 'Age of the oldest settled payment in the hot tables, when this instance last archived.',
      read: () =>
        tallies.oldestSettledSeconds === undefined ? [] : [[{}, tallies.oldestSettledSeconds]],
    },
  ]
}

type Read<Value> = (processor: ProcessorName) => Value

function sample(processor: ProcessorName, read: Read<number | undefined>): readonly Sample[] {
  const value = read(processor)
  return value === undefined ? [] : [[{ processor }, value]]
}

/** The others have left their instance. A table, so that the compiler asks for a new state. */
const IS_WORKED_ON: Readonly<Record<PaymentState, boolean>> = {
  pending: true,
  tryingDefault: true,
  tryingFallback: true,
  confirming: true,
  retry: true,
  settled: false,
  rejected: false,
  parked: false,
}
const WORKED_ON = (Object.keys(IS_WORKED_ON) as PaymentState[]).filter(
  (state) => IS_WORKED_ON[state],
)

/** What is looked at only when somebody scrapes. */
export interface Moment {
  readonly ready: boolean
  readonly holdsLease: boolean
  readonly edge: EdgeCounts
  /** Open payments in the ledger; undefined when it did not say in time. */
  readonly open: OpenCount | undefined
  /** Calls to Redis that failed, by kind, since the start. */
  readonly redisFailures: ReadonlyMap<string, number>
  /** Bugs that the console met, since the start. */
  readonly consoleBugs: number
}

export interface EdgeCounts {
  /** Posts of payments that were answered 503, since the start. */
  readonly refused: number
  /** Requests that wait for their answer now. */
  readonly inFlight: number
}

export interface FamilyOptions {
  readonly instanceId: string
  readonly version: string
  /** Share of the amount that each processor keeps. */
  readonly fees: Readonly<Record<ProcessorName, number>>
  readonly tallies: Tallies
  readonly moment: () => Moment
}

export type Sample = readonly [labels: LabelValues<string>, value: number]

/** `read` gives its samples, one for each set of labels. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly read: () => readonly Sample[]
}

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/** A sample for each state that each processor's circuit may be in. */
function perCircuitState(
  read: (processor: ProcessorName, state: CircuitState) => number,
): readonly Sample[] {
  return PROCESSORS.flatMap((processor) =>
    CIRCUIT_STATES.map((state): Sample => [{ processor, state }, read(processor, state)]),
  )
}

const CIRCUIT_STATES = ['closed', 'open', 'halfOpen', 'heldOpen', 'heldClosed'] as const
