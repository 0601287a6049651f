// The rules about books: Pit's against the clients' and both processors', payment by payment and in
// summaries, at the end and while everything goes on.

import type {
  ExactSummary,
  ProcessorName,
  ProcessorTotal,
  Summary,
  TimeWindow,
} from '../../src/actors/model/payment.ts'
import type { Chance } from './chance.ts'
import type { Instance } from './instance.ts'
import { isInside } from './ledger-tables.ts'
import { short } from './observer.ts'
import { EPOCH_MS } from './wall-clock.ts'
import type { World } from './world.ts'

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/** Windows compared through each instance. */
const WINDOWS = 6

/** Compares payment by payment, and reports each difference to the observer. */
export function checkPayments(world: World): void {
  const { postings, ledgerStore, servers, observer, oracle } = world
  for (const { correlationId, acceptedCents, isForgotten, lostAt } of postings.byId.values()) {
    if (isForgotten || oracle.beyond.has(correlationId)) continue
    const row = ledgerStore.rows.get(correlationId)
    const name = short(correlationId)
    // Lost and not posted again, or with another amount than the one that a processor has.
    if (lostAt !== null && acceptedCents === null && row === undefined) continue
    if (lostAt !== null && row?.state === 'open') continue
    if (row?.state === 'rejected' && !oracle.mayBeRejected(correlationId)) {
      observer.fail('rejectedByBoth', name)
    }
    const foreign = oracle.foreign.get(correlationId)
    if (foreign !== undefined && row?.processor === foreign) {
      observer.fail('othersAreNotBooked', `${name} settled at ${foreign}`)
    }
    // What somebody else has recorded may stay in doubt for ever.
    if (foreign !== undefined && row?.state === 'open') continue
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

/** Whoever was told by a processor what contradicts the ledger has told of it, if it lived on. */
export function checkContradictions({ observer, ledgerStore }: World): void {
  // What was settled before a purge or a loss contradicts nothing.
  if (ledgerStore.purges > 0 || ledgerStore.history.rewinds > 0) return
  for (const { instance, processor, charge } of observer.saidNever.contradictions(ledgerStore)) {
    const { correlationId } = charge
    const isAlive = instance.gate.state === 'running' || observer.leftBy.has(instance)
    if (!isAlive || observer.contradicted.has(correlationId)) continue
    const detail = `${instance.id}: ${short(correlationId)} is settled at ${processor}, too`
    observer.fail('contradictionIsTold', detail)
  }
}

/** Asks each instance for summaries and compares them with what the processors recorded. */
export function askSummaries(world: World, chance: Chance): void {
  // Books of which a part cannot be known are not comparable.
  if (world.oracle.beyond.size > 0) return
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
 * forgotten they may know another amount or instant, so for those the ledger counts.
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
  const isForgotten = (id: string): boolean => {
    const { isForgotten: isExempt = false, lostAt = null } = postings.byId.get(id) ?? {}
    return isExempt || (lostAt !== null && ledgerStore.rows.get(id)?.state !== 'settled')
  }
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
function drawWindow({ servers, virtualTime }: World, chance: Chance): TimeWindow {
  const instants = PROCESSORS.flatMap((each) =>
    [...servers[each].ledger.values()].map(({ requestedAt }) => requestedAt),
  )
  const edge = (): number =>
    instants.length > 0 && chance.happens(0.7)
      ? chance.pick(instants) + chance.pick([0, 0, 1, -1])
      : Math.floor(EPOCH_MS + chance.next() * virtualTime.now())
  const [one, other] = [edge(), edge()]
  const [from, to] = [Math.min(one, other), Math.max(one, other)]
  return chance.pick<TimeWindow>([{ from, to }, { from, to }, { from }, { to }])
}

function isSame(expected: Summary, got: ExactSummary | string): boolean {
  return (
    typeof got !== 'string' &&
    PROCESSORS.every(
      (each) =>
        expected[each].payments === got[each].payments && expected[each].cents === got[each].cents,
    )
  )
}

/** Between two summaries, virtual ms. */
const PAUSE_MS = [50, 700] as const

/** Asks one instance after the other until `untilMs`. */
export function askWhileRunning(world: World, untilMs: number): void {
  const chance = world.chance.branch(5)
  const ask = (): void => {
    if (world.virtualTime.now() > untilMs) return
    askOnce(world, chance.pick(world.places))
    world.virtualTime.after(chance.between(PAUSE_MS), ask)
  }
  world.virtualTime.after(chance.between(PAUSE_MS), ask)
}

function askOnce(world: World, instance: Instance): void {
  if (instance.gate.state !== 'running') return
  const known = settledFor(world, instance)
  const {
    purges,
    history: { rewinds },
  } = world.ledgerStore
  const leaseId = instance.fence.id
  instance.send({
    type: 'summary.requested',
    window: {},
    replyTo: (answer) => {
      if (answer.kind !== 'found' || world.ledgerStore.purges !== purges) return
      if (purges > 0) {
        compareWithRows(world, instance, answer.value)
        return
      }
      const isSameOwner =
        rewinds === 0 &&
        world.ledgerStore.history.rewinds === 0 &&
        leaseId !== null &&
        leaseId === instance.fence.id &&
        world.ledgerStore.holds(leaseId)
      compare(world, { instance, got: answer.value, least: isSameOwner ? known : null })
    },
  })
}

type Counts = Readonly<Record<ProcessorName, number>>

/** What the ledger has settled, and what this instance has under its lease, per processor. */
function settledFor({ ledgerStore, observer }: World, instance: Instance): Counts {
  const known = new Map<string, ProcessorName>(observer.settledBy.get(instance))
  for (const { correlationId, processor } of ledgerStore.rows.values()) {
    if (processor !== null) known.set(correlationId, processor)
  }
  const counts = { default: 0, fallback: 0 }
  for (const processor of known.values()) counts[processor] += 1
  return counts
}

/** After a purge only what was accepted since counts. */
function compareWithRows(
  { ledgerStore, observer }: World,
  { id }: Instance,
  got: ExactSummary,
): void {
  const counted = got.default.payments + got.fallback.payments
  if (counted <= ledgerStore.rows.size) return
  observer.fail('purgedNotCounted', `${id}: ${counted} counted`)
}

function compare(
  { servers, observer, oracle }: World,
  { instance, got, least }: { instance: Instance; got: ExactSummary; least: Counts | null },
): void {
  for (const processor of PROCESSORS) {
    const { payments } = got[processor]
    const most = servers[processor].ledger.size
    const whose = `${instance.id} ${processor}: ${payments}`
    if (payments > most && oracle.beyond.size === 0) {
      observer.fail('summaryAtMostRecorded', `${whose} > ${most}`)
    }
    if (least !== null && payments < least[processor]) {
      observer.fail('summaryAtLeastSettled', `${whose} < ${least[processor]}`)
    }
  }
}
