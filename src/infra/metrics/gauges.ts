// What is so at the moment of a scrape.

import type { PaymentState, ProcessorName } from '../../actors/model/payment.ts'
import {
  perCircuitState,
  PROCESSORS,
  type Family,
  type FamilyOptions,
  type Sample,
} from './family.ts'

/** All gauges. */
export function gaugesOf(options: FamilyOptions): readonly Family[] {
  const { instanceId, version, fees, tallies, moment } = options
  const node = process.version
  const one = (name: string, help: string, read: () => number): Family => {
    return { name, help, read: () => [[{}, read()]] }
  }
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
    one('pit_ready', 'Whether payments are let in.', () => Number(moment().ready)),
    one('pit_lease_held', 'Whether the lease is held.', () => Number(tallies.holdsLease)),
    one('pit_http_in_flight', 'Requests waiting for an answer.', () => moment().edge.inFlight),
    one('pit_payments_waiting', 'Waiting in memory.', () => tallies.gauges.ready),
    perProcessor('pit_charges_in_flight', 'Charges under way.', (name) => {
      return tallies.gauges.inFlight[name]
    }),
    {
      name: 'pit_payments_in_work',
      help: 'Payments that have an actor, by state; those confirming are in doubt.',
      read: () => WORKED_ON.map((state) => [{ state }, tallies.gauges.byState[state] ?? 0]),
    },
    {
      name: 'pit_ledger_open_payments',
      help: 'Open payments of all instances in PostgreSQL: parked ones wait for a retry.',
      read: () => Object.entries(moment().open ?? {}).map(([kind, value]) => [{ kind }, value]),
    },
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

type Read<Value> = (processor: ProcessorName) => Value

function sample(processor: ProcessorName, read: Read<number | undefined>): readonly Sample[] {
  const value = read(processor)
  return value === undefined ? [] : [[{ processor }, value]]
}

const WORKED_ON: readonly PaymentState[] = [
  'pending',
  'tryingDefault',
  'tryingFallback',
  'confirming',
  'retry',
]
