// Faults in how an instance deals with a processor.

import type { Planted } from '../planted-world.ts'
import type { ChargeAnswer, Processor } from '../../../src/actors/model/ports.ts'

/** A payment that is sent again gets a stamp of its own. */
export function restampedResend(): Planted {
  return {
    processor: (processor) => {
      const stamps = new Map<string, number>()
      return {
        ...processor,
        charge(charge, reply) {
          const { correlationId, requestedAt } = charge
          const isResend = stamps.get(correlationId) === requestedAt
          stamps.set(correlationId, requestedAt)
          processor.charge(isResend ? { ...charge, requestedAt: requestedAt + 1 } : charge, reply)
        },
      }
    },
  }
}

/** What timed out counts as not processed. */
export function failoverOnTimeout(): Planted {
  return answering((answer) =>
    answer.kind === 'inDoubt' && answer.detail === 'timeout' ? refused(answer) : answer,
  )
}

/** 422 counts as not processed, for good. */
export function knownAsFailure(): Planted {
  return {
    processor: (processor) => {
      const failed = new Set<string>()
      return {
        ...processor,
        charge: (charge, reply) =>
          processor.charge(charge, (answer) => {
            if (answer.kind === 'known') failed.add(charge.correlationId)
            reply(answer.kind === 'known' ? refused(answer) : answer)
          }),
        lookUp: (id, reply) =>
          processor.lookUp(id, (answer) => reply(failed.has(id) ? { kind: 'missing' } : answer)),
      }
    },
  }
}

function answering(change: (answer: ChargeAnswer) => ChargeAnswer): Planted {
  const processor = (real: Processor): Processor => ({
    ...real,
    charge: (charge, reply) => real.charge(charge, (answer) => reply(change(answer))),
  })
  return { processor }
}

function refused({ detail }: ChargeAnswer): ChargeAnswer {
  return { kind: 'refused', detail }
}
