// Faults that only a world beyond the usual plan shows: each kind of world has one that it notices.

import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { Cents } from '../../../src/actors/model/money.ts'
import type { ProcessorTotal, Summary } from '../../../src/actors/model/payment.ts'
import type { Charge, Clock } from '../../../src/actors/model/ports.ts'
import type { Planted } from '../instance.ts'
import { isInside } from '../ledger-tables.ts'
import {
  allGet,
  answersShift,
  always,
  bothBehave,
  chargesGet,
  clockStepsBackOverParked,
  clockStepsForward,
  defaultBehaves,
  defaultBehavesForGood,
  defaultHasOthers,
  hiddenFromTheFirst,
  hiddenInForm,
  hiddenOverRestart,
  doubtsAtBoth,
  instanceClocksStep,
  ledgerFails,
  page,
  pastDeadline,
  redisFails,
  suspension,
} from '../worlds/fixed.ts'
import { foundText, type HttpEnd, SETTLED_TEXT } from '../worlds/http-ends.ts'
import { readLookUp } from '../worlds/translation.ts'
import { READ_ONLY } from '../worlds/store-troubles.ts'
import { PAID_TWICE, type PlantedFaults } from './planted.ts'

export const WORLD_FAULTS: PlantedFaults = {
  'the 404 of a proxy taken for a 400': { rule: 'rejectedByBoth', plant: () => pageAsDenial(404) },
  'the page of a 400 taken for a denial': {
    rule: 'rejectedByBoth',
    plant: () => pageAsDenial(400),
  },
  'the 404 of a proxy taken for no answer': { rule: 'settledByWhoWorks', plant: refusalAsDoubt },
  'a look-up that meets a foreign 404 believed': { ...PAID_TWICE, plant: foreignAbsence },
  'a control that is answered from memory': { ...PAID_TWICE, plant: rememberedControls },
  'an answer about another payment taken for none': { ...PAID_TWICE, plant: foreignAsFailure },
  'controls that the ledger is not asked for': { ...PAID_TWICE, plant: unaskedLedger },
  'a page with status 200 taken for a settlement': {
    rule: 'settledAtOneProcessor',
    besides: ['summaryAtMostRecorded', 'summariesMatch'],
    plant: pageAsSettlement,
  },
  'another amount taken for the own one': {
    rule: 'othersAreNotBooked',
    besides: ['settledAtOneProcessor', 'summaryAtMostRecorded', 'summariesMatch'],
    plant: otherAsOwn,
  },
  'a name that hangs and takes the other processor with it': {
    rule: 'settledByWhoWorks',
    plant: hangingForAll,
  },
  'doubts at one processor take the places of the other': {
    rule: 'settledByWhoWorks',
    plant: sharedPlaces,
  },
  'an instance that keeps what it cannot move': { rule: 'settledByWhoWorks', plant: keptForItself },
  "durations by PostgreSQL's time of day": {
    ...PAID_TWICE,
    besides: [...PAID_TWICE.besides, 'sentUnderLease', 'sentByOwner', 'sentIsOpen'],
    plant: durationsByLedger,
  },
  "due times that follow PostgreSQL's clock back": {
    rule: 'backlogEmpties',
    plant: dueTimesFollow,
  },
  'a suspension that is not noticed': {
    rule: 'sentUnderLease',
    besides: ['sentByOwner', 'sentIsOpen', ...PAID_TWICE.besides, 'paidOnce'],
    plant: unnoticedSuspension,
  },
  'durations by the time of day': {
    ...PAID_TWICE,
    besides: [...PAID_TWICE.besides, 'sentUnderLease', 'sentByOwner', 'sentIsOpen'],
    plant: durationsByTimeOfDay,
  },
  'a commit refused as read-only taken for done': {
    rule: 'committedBeforeAnswer',
    besides: ['truthfulAnswers', 'sentIsInLedger', 'recordedIsSettled'],
    plant: readOnlyAsDone,
  },
  'a replica that ends a child': { rule: 'noChildFails', plant: replicaAsBug },
  "another system's settlements counted": {
    rule: 'summaryAtMostRecorded',
    besides: ['summariesMatch'],
    plant: strangersCounted,
  },
}

function pageAsDenial(status: number): Planted {
  return {
    plan: bothBehave(allGet(page(status))),
    misread: {
      charge: (end) => (isAnswer(end, status) ? { ...end, status: 400, text: '' } : end),
    },
  }
}

function refusalAsDoubt(): Planted {
  return {
    plan: defaultBehavesForGood(allGet(page(404))),
    misread: {
      charge: (end) => (isAnswer(end, 404) ? { kind: 'lost', detail: 'planted' } : end),
    },
  }
}

function foreignAbsence(): Planted {
  return {
    plan: hiddenFromTheFirst(page(404)),
    settings: pastDeadline,
    misread: { lookUp: (end) => (isAnswer(end, 404) ? { ...end, text: '' } : end) },
  }
}

/** What has been settled is found without being looked up. */
function rememberedControls(): Planted {
  const settled = new Map<string, Charge>()
  return {
    oracle: 'strict',
    plan: hiddenInForm,
    misread: {
      charge: (end, charge) => {
        if (isAnswer(end, 200)) settled.set(charge.correlationId, charge)
        return end
      },
      lookUp: (end, correlationId) => {
        const own = settled.get(correlationId)
        if (own === undefined || !isAnswer(end, 404)) return end
        return { ...end, status: 200, text: foundText(own) }
      },
    },
  }
}

/** That answers are mixed up is not seen. */
function foreignAsFailure(): Planted {
  return {
    plan: answersShift,
    misread: {
      lookUp: (end, correlationId) => {
        const answer = readLookUp(end, correlationId)
        const isForeign = answer.kind === 'found' && answer.foreignId !== undefined
        return isForeign ? { kind: 'lost', detail: 'planted' } : end
      },
    },
  }
}

/** What memory does not know nobody knows. */
function unaskedLedger(): Planted {
  return {
    plan: hiddenOverRestart('crash'),
    settings: pastDeadline,
    ledger: (ledger) => ({ ...ledger, findControl: () => Promise.resolve({ kind: 'none' }) }),
  }
}

function pageAsSettlement(): Planted {
  return {
    plan: defaultBehaves(chargesGet(page(200))),
    misread: { charge: (end) => (isAnswer(end, 200) ? { ...end, text: SETTLED_TEXT } : end) },
  }
}

/** Reads what was sent in the place of what was found. */
function otherAsOwn(): Planted {
  const sent = new Map<string, Charge>()
  return {
    plan: defaultHasOthers([1, 2, 3, 4, 5]),
    misread: {
      charge: (end, charge) => {
        sent.set(charge.correlationId, charge)
        return end
      },
      lookUp: (end, correlationId) => {
        const own = sent.get(correlationId)
        return isAnswer(end, 200) && own !== undefined ? { ...end, text: foundText(own) } : end
      },
    },
  }
}

/** After some calls that hung, the other processor's come to nothing either. */
function hangingForAll(): Planted {
  let hung = 0
  return {
    plan: defaultBehavesForGood(allGet({ kind: 'unreachable', hangs: true })),
    processor: (processor) => ({
      ...processor,
      charge(charge, reply) {
        if (processor.name === 'default') {
          return processor.charge(charge, (answer) => {
            if (answer.detail === 'EAI_AGAIN') hung += 1
            reply(answer)
          })
        }
        if (hung < 2) return processor.charge(charge, reply)
        // Nothing is sent; the look-up is there for the time that it takes.
        const refuse = (): void => reply({ kind: 'refused', detail: 'planted' })
        return processor.lookUp(charge.correlationId, refuse)
      },
    }),
  }
}

/** Places for look-ups at either processor; who learns nothing keeps its own. */
const SHARED_PLACES = 6

/** A payment that has none learns nothing. */
function sharedPlaces(): Planted {
  const holders = new Set<string>()
  return {
    plan: doubtsAtBoth,
    processor: (processor) => ({
      ...processor,
      lookUp(id, reply) {
        if (holders.size < SHARED_PLACES) holders.add(id)
        processor.lookUp(id, (answer) => {
          if (!holders.has(id)) return reply({ kind: 'failed', detail: 'planted' })
          if (answer.kind === 'found' || answer.kind === 'missing') holders.delete(id)
          return reply(answer)
        })
      },
    }),
  }
}

function durationsByLedger(): Planted {
  return {
    plan: clockStepsForward(30_000, 'allLive'),
    clock: (clock, ledgerClock) => withClock(clock, () => clock.now() + ledgerClock.offMs),
  }
}

function durationsByTimeOfDay(): Planted {
  return {
    plan: instanceClocksStep(3_600_000),
    clock: (clock) => withClock(clock, () => clock.wallNow()),
  }
}

/** What is due is due later by as much as the clock was set back. */
function dueTimesFollow(): Planted {
  return {
    plan: clockStepsBackOverParked(300_000),
    ledger: (ledger, _store, clock) => ({
      ...ledger,
      claimDue: (request) => (clock.offMs < -1000 ? Promise.resolve([]) : ledger.claimDue(request)),
      claimParked: (ids, request) =>
        clock.offMs < -1000 ? Promise.resolve([]) : ledger.claimParked(ids, request),
    }),
  }
}

/** The time of day stands still with the monotonic clock. */
function unnoticedSuspension(): Planted {
  return {
    plan: suspension(2),
    clock: (clock) => {
      const offMs = clock.wallNow() - clock.now()
      return { ...withClock(clock, clock.now), wallNow: () => Math.floor(clock.now() + offMs) }
    },
  }
}

function withClock({ wallNow, setTimeout, clearTimeout }: Clock, now: () => number): Clock {
  return { now, wallNow, setTimeout, clearTimeout }
}

function readOnlyAsDone(): Planted {
  return {
    plan: ledgerFails(READ_ONLY),
    ledger: (ledger, store) => ({
      ...ledger,
      accept: (batch, request) =>
        ledger.accept(batch, request).catch((error: unknown) => {
          if (!(error instanceof LedgerUnavailable)) throw error
          return { results: batch.map(() => 'accepted' as const), purges: store.purges }
        }),
    }),
  }
}

/** A failure of Redis that nobody expects, once. */
function replicaAsBug(): Planted {
  let hasFailed = false
  return {
    plan: redisFails({
      operations: new Set(['takeDue']),
      spares: 'none',
      share: 1,
      end: 'refused',
      code: 'READONLY',
    }),
    parts: (parts) => {
      const { delayedQueue } = parts
      const takeDue: typeof delayedQueue.takeDue = (limit) =>
        delayedQueue.takeDue(limit).catch((error: unknown) => {
          if (hasFailed) throw error
          hasFailed = true
          throw new Error('planted')
        })
      return { ...parts, delayedQueue: { ...delayedQueue, takeDue } }
    },
  }
}

/** Adds what others have settled to a summary. */
function strangersCounted(): Planted {
  return {
    plan: always({ kind: 'cacheStrangers' }),
    ledger: (ledger, store) => ({
      ...ledger,
      async summarize(window, unflushed) {
        const { summary, stale } = await ledger.summarize(window, unflushed)
        const sum = (processor: keyof Summary): ProcessorTotal<Cents> => {
          const strangers = unflushed.filter(
            (each) =>
              each.processor === processor &&
              !store.rows.has(each.correlationId) &&
              isInside(window, each.requestedAt),
          )
          const { payments, cents } = summary[processor]
          return { payments: payments + strangers.length, cents }
        }
        return { summary: { default: sum('default'), fallback: sum('fallback') }, stale }
      },
    }),
  }
}

function isAnswer(
  end: HttpEnd,
  status: number,
): end is Extract<HttpEnd, { readonly kind: 'answered' }> {
  return end.kind === 'answered' && end.status === status
}

function keptForItself(): Planted {
  const reply = { kind: 'unreachable', hangs: false } as const
  const cutOff = { at: 0, place: 0, processors: ['default', 'fallback'], reply } as const
  return {
    plan: (plan) => ({ ...plan, instances: 2, faults: [], cutOff }),
    settings: ({ configured, ...settings }) => {
      const work = { ...configured.work, passOnAfterMs: Number.POSITIVE_INFINITY }
      return { ...settings, configured: { ...configured, work } }
    },
  }
}
