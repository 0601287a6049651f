// What is only ever counted up, since the start of the process.

import {
  perCircuitState,
  PROCESSORS,
  type Family,
  type FamilyOptions,
  type Sample,
} from './family.ts'
import type { ProcessorTally, Tallies } from './tallies.ts'

/** All counters. */
export function countersOf(options: FamilyOptions): readonly Family[] {
  return [...paymentCounters(options), ...workCounters(options)]
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
    each('pit_payments_settled_total', 'Payments settled.', (tally) => tally.settled),
    each('pit_settled_cents_total', 'Amounts settled, cents.', (tally) => tally.settledCents),
    each('pit_payments_rejected_total', 'Payments rejected for good.', (tally) => tally.rejected),
    {
      name: 'pit_payments_claimed_total',
      help: 'Payments claimed from the retry queue or taken over from dead instances.',
      read: () => Object.entries(tallies.claimed).map(([source, value]) => [{ source }, value]),
    },
  ]
}

function workCounters({ tallies }: FamilyOptions): readonly Family[] {
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
      name: 'pit_child_restarts_total',
      help: 'Long-lived actors that failed and were started again.',
      read: () => [...tallies.restarts].map(([child, value]) => [{ child }, value]),
    },
    {
      name: 'pit_leases_lost_total',
      help: 'Leases lost to other instances.',
      read: () => [[{}, tallies.leasesLost]],
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
