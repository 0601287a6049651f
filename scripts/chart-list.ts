// The charts that ARCHITECTURE.md shows, by the name that stands in its markers.

import type { AnyStateMachine } from 'xstate'
import { acceptLaneMachine } from '../src/actors/accept-lane.machine.ts'
import { leaseMachine } from '../src/actors/lease.machine.ts'
import { outcomeLaneMachine } from '../src/actors/outcome-lane.machine.ts'
import { paymentMachine } from '../src/actors/payment.machine.ts'
import { probingMachine } from '../src/actors/probing.machine.ts'
import { processorHealthMachine } from '../src/actors/processor-health.machine.ts'
import { retryQueueMachine } from '../src/actors/retry-queue.machine.ts'
import { supervisorMachine } from '../src/actors/supervisor.machine.ts'
import { takeoverMachine } from '../src/actors/takeover.machine.ts'

export interface ListedChart {
  /** Letters, digits and dashes: `<!-- chart:NAME -->`. */
  readonly name: string
  readonly machine: AnyStateMachine
}

export const charts: readonly ListedChart[] = [
  { name: 'payment', machine: paymentMachine },
  { name: 'processor-health', machine: processorHealthMachine },
  { name: 'supervisor', machine: supervisorMachine },
  { name: 'accept-lane', machine: acceptLaneMachine },
  { name: 'outcome-lane', machine: outcomeLaneMachine },
  { name: 'retry-queue', machine: retryQueueMachine },
  { name: 'lease', machine: leaseMachine },
  { name: 'takeover', machine: takeoverMachine },
  { name: 'probing', machine: probingMachine },
]
