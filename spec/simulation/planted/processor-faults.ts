// Faults in how an instance deals with a processor.

import type { Planted } from '../instance.ts'
import { PAID_TWICE, type PlantedFaults } from './planted.ts'
import type { Charge, ChargeAnswer, Processor } from '../../../src/actors/model/ports.ts'

export const PROCESSOR_FAULTS: PlantedFaults = {
  'a requestedAt restamped on a resend': { rule: 'instantIsRight', plant: restampedResend },
  'a failover on a timeout': { ...PAID_TWICE, plant: failoverOnTimeout },
  'a 422 taken for a failure': { ...PAID_TWICE, plant: knownAsFailure },
  'a refusal taken for success': {
    rule: 'settledAtOneProcessor',
    besides: ['summaryAtMostRecorded', 'summariesMatch'],
    plant: refusalAsSuccess,
  },
  'a success taken for a denial': {
    rule: 'recordedIsSettled',
    besides: ['rejectedByBoth', 'summariesMatch'],
    plant: successAsDenial,
  },
  'a payment sent again after it was settled': { rule: 'sentIsOpen', plant: sentWhenSettled },
  'an amount that was never posted': {
    rule: 'recordedWasPosted',
    besides: ['amountIsRight', 'summariesMatch'],
    plant: changedAmount,
  },
  'the amount of the conflicting posting': {
    rule: 'amountIsRight',
    besides: ['summariesMatch'],
    plant: conflictingAmount,
  },
}

/** A payment that is sent again gets a stamp of its own. */
function restampedResend(): Planted {
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
function failoverOnTimeout(): Planted {
  return answering((answer) =>
    answer.kind === 'inDoubt' && answer.detail === 'timeout' ? refused(answer) : answer,
  )
}

/** 422 counts as not processed, for good. */
function knownAsFailure(): Planted {
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

/** What was not processed counts as settled. */
function refusalAsSuccess(): Planted {
  return answering((answer) =>
    answer.kind === 'refused' ? { kind: 'settled', detail: answer.detail } : answer,
  )
}

/** What was settled counts as denied, by both processors. */
function successAsDenial(): Planted {
  const denied = new Set<string>()
  return {
    processor: (processor) => ({
      ...processor,
      charge(charge, reply) {
        const deny = (): void => reply({ kind: 'denied', detail: 'http 400' })
        // Nothing is sent; the look-up is there for the time that it takes.
        if (denied.has(charge.correlationId)) {
          return processor.lookUp(charge.correlationId, deny)
        }
        return processor.charge(charge, (answer) => {
          if (answer.kind !== 'settled') return reply(answer)
          denied.add(charge.correlationId)
          return deny()
        })
      },
    }),
  }
}

/** Each payment is sent once more when some others have been settled after it. */
function sentWhenSettled(): Planted {
  return {
    processor: (processor) => {
      const settled: Charge[] = []
      return {
        ...processor,
        charge: (charge, reply) =>
          processor.charge(charge, (answer) => {
            reply(answer)
            if (answer.kind === 'settled') settled.push(charge)
            const again = settled.length > 3 ? settled.shift() : undefined
            if (again !== undefined) processor.charge(again, () => undefined)
          }),
      }
    },
  }
}

/** A processor is sent more than was posted. */
function changedAmount(): Planted {
  return {
    processor: (processor) => ({
      ...processor,
      charge: (charge, reply) =>
        processor.charge({ ...charge, amountCents: charge.amountCents + 10_000 }, reply),
    }),
  }
}

/** A processor is sent the amount that was posted last, though it was a conflict. */
function conflictingAmount(): Planted {
  const posted = new Map<string, number>()
  return {
    edge: (request) => {
      if (request.type === 'payment.received')
        posted.set(request.correlationId, request.amountCents)
      return request
    },
    processor: (processor) => ({
      ...processor,
      charge: (charge, reply) => {
        const amountCents = posted.get(charge.correlationId) ?? charge.amountCents
        processor.charge({ ...charge, amountCents }, reply)
      },
    }),
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
