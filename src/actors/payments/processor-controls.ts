// The controls of one processor, as payments share them: they ask the ledger for a payment that a
// control can ask for, and tell what they do not find.

import { Controls } from '../payment/controls.ts'
import type { PaymentDependencies } from '../payment/effects.ts'
import { tell, type Directory } from '../messages.ts'
import type { ProcessorName } from '../model/payment.ts'

type ControlsParts = Pick<
  PaymentDependencies,
  'clock' | 'random' | 'processors' | 'settings' | 'telemetry'
>

export function controlsOf(
  { clock, random, processors, settings, telemetry }: ControlsParts,
  { name, system }: { readonly name: ProcessorName; readonly system: Directory },
): Controls {
  const { lookUpLagMs, settleByMs } = settings
  return new Controls({
    clock,
    random,
    processor: processors[name],
    lookUpLagMs,
    mixedUpMs: settleByMs,
    askLedger: (replyTo) => {
      tell(system, 'persistence', { type: 'control.requested', processor: name, replyTo })
    },
    onMissing: (correlationId) => {
      telemetry.emit({ type: 'control.missing', processor: name, correlationId })
    },
    onFailed: (correlationId, detail) => {
      telemetry.emit({ type: 'lookUp.failed', processor: name, correlationId, detail })
    },
  })
}
