// The reckoning at the end: Pit's books against those of the clients and of both processors.

import type {
  ProcessorName,
  ProcessorTotal,
  Summary,
  TimeWindow,
} from '../../src/actors/model/payment.ts'
import type { Chance } from './chance.ts'
import { short } from './history.ts'
import { EPOCH_MS } from './instance.ts'
import { isInside } from './ledger-sums.ts'
import type { World } from './world.ts'

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/** Windows compared through each instance. */
const WINDOWS = 6

/** Compares payment by payment; every difference is reported to the watch. */
export function checkPayments({ postings, ledgerStore, servers, observer }: World): void {
  for (const { correlationId, acceptedCents, isForgotten } of postings.byId.values()) {
    if (isForgotten) continue
    const row = ledgerStore.rows.get(correlationId)
    const name = short(correlationId)
    const holders = PROCESSORS.filter((each) => servers[each].ledger.has(correlationId))
    if (acceptedCents !== null && row === undefined) {
      observer.fail('committedBeforeAnswer', name)
    }
    if (row === undefined || row.state === 'rejected') {
      if (holders.length > 0) {
        const state = row?.state ?? 'unknown to Pit'
        observer.fail('recordedIsSettled', `${name} ${state}, at ${holders.join()}`)
      }
      continue
    }
    const [holder] = holders
    if (holders.length !== 1 || holder === undefined || row.state !== 'settled') {
      observer.fail('settledAtOneProcessor', `${name} ${row.state}, ${holders.join()}`)
      continue
    }
    const recorded = servers[holder].ledger.get(correlationId)
    if (row.processor !== holder) {
      observer.fail('processorIsRight', `${name} ${row.processor}, ${holder}`)
    } else if (row.requestedAt !== recorded?.requestedAt) {
      const instants = `${row.requestedAt}, recorded ${recorded?.requestedAt}`
      observer.fail('instantIsRight', `${name} ${instants}`)
    } else if ((acceptedCents ?? row.amountCents) !== recorded.amountCents) {
      observer.fail('amountIsRight', name)
    }
  }
}

/** Asks each instance for windows and compares with what the processors recorded. */
export function askSummaries(world: World, chance: Chance): void {
  const windows = [{}, ...Array.from({ length: WINDOWS }, () => drawWindow(world, chance))]
  for (const instance of world.places) {
    for (const window of windows) {
      instance.send({
        type: 'summary.requested',
        window,
        replyTo: (answer) => {
          const expected = recordedIn(world, window)
          const got = answer.kind === 'found' ? answer.value : answer.kind
          if (isSame(expected, got)) return
          const detail = `${instance.id} ${JSON.stringify({ window, expected, got })}`
          world.observer.fail('summariesMatch', detail)
        },
      })
    }
  }
}

/**
 * What the processors recorded in a window. Of a payment that was posted before everything was
 * forgotten they may know another amount or instant, so for those the ledger's word counts.
 */
export function recordedIn(world: World, window: TimeWindow): Summary {
  return {
    default: totalIn(world, window, 'default'),
    fallback: totalIn(world, window, 'fallback'),
  }
}

function totalIn(
  { servers, postings, ledgerStore }: World,
  window: TimeWindow,
  processor: ProcessorName,
): ProcessorTotal {
  const isForgotten = (id: string): boolean => postings.byId.get(id)?.isForgotten === true
  const recorded = [...servers[processor].ledger.values()].filter(
    ({ correlationId }) => !isForgotten(correlationId),
  )
  const late = [...ledgerStore.rows.values()]
    .filter((row) => row.processor === processor && isForgotten(row.correlationId))
    .map((row) => ({ ...row, requestedAt: row.requestedAt ?? 0 }))
  const inside = [...recorded, ...late].filter((each) => isInside(window, each.requestedAt))
  return { payments: inside.length, cents: inside.reduce(addCents, 0) }
}

function addCents(sum: number, { amountCents }: { amountCents: number }): number {
  return sum + amountCents
}

/** Edges often fall exactly on a payment, and either end may be open. */
function drawWindow({ servers, scheduler }: World, chance: Chance): TimeWindow {
  const instants = PROCESSORS.flatMap((each) =>
    [...servers[each].ledger.values()].map(({ requestedAt }) => requestedAt),
  )
  const edge = (): number =>
    instants.length > 0 && chance.happens(0.7)
      ? chance.pick(instants) + chance.pick([0, 0, 1, -1])
      : Math.floor(EPOCH_MS + chance.next() * scheduler.now())
  const [one, other] = [edge(), edge()]
  const [from, to] = [Math.min(one, other), Math.max(one, other)]
  return chance.pick<TimeWindow>([{ from, to }, { from, to }, { from }, { to }])
}

function isSame(expected: Summary, got: Summary | string): boolean {
  return (
    typeof got !== 'string' &&
    PROCESSORS.every(
      (each) =>
        expected[each].payments === got[each].payments && expected[each].cents === got[each].cents,
    )
  )
}
