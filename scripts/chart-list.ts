// The charts that docs/CHARTS.md shows, by the name that stands in its markers.

import type { AnyStateMachine } from 'xstate'
import { acceptBatcherMachine } from '../src/actors/persistence/accept-batcher.machine.ts'
import { commandsMachine } from '../src/actors/commands/commands.machine.ts'
import { leaseMachine } from '../src/actors/ownership/lease.machine.ts'
import { outcomeBatcherMachine } from '../src/actors/persistence/outcome-batcher.machine.ts'
import { paymentMachine } from '../src/actors/payment/payment.machine.ts'
import { probingMachine } from '../src/actors/circuit/probing.machine.ts'
import { processorHealthMachine } from '../src/actors/circuit/processor-health.machine.ts'
import { retryQueueMachine } from '../src/actors/ownership/retry-queue.machine.ts'
import { supervisorMachine } from '../src/actors/supervisor/supervisor.machine.ts'
import { straysMachine } from '../src/actors/ownership/strays.machine.ts'
import { takeoverMachine } from '../src/actors/ownership/takeover.machine.ts'

export interface ListedChart {
  /** Letters, digits and dashes: `<!-- chart:NAME -->`. */
  readonly name: string
  readonly machine: AnyStateMachine
}

export const charts: readonly ListedChart[] = [
  { name: 'payment', machine: paymentMachine },
  { name: 'processor-health', machine: processorHealthMachine },
  { name: 'supervisor', machine: supervisorMachine },
  { name: 'accept-batcher', machine: acceptBatcherMachine },
  { name: 'outcome-batcher', machine: outcomeBatcherMachine },
  { name: 'retry-queue', machine: retryQueueMachine },
  { name: 'lease', machine: leaseMachine },
  { name: 'takeover', machine: takeoverMachine },
  { name: 'strays', machine: straysMachine },
  { name: 'commands', machine: commandsMachine },
  { name: 'probing', machine: probingMachine },
]
