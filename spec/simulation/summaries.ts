// Summaries asked for while everything goes on: never more than the processors recorded, never
// less than what the ledger and the asked instance itself have settled.

import type { ProcessorName, Summary } from '../../src/actors/model/payment.ts'
import type { Instance } from './instance.ts'
import type { World } from './world.ts'

const PROCESSORS: readonly ProcessorName[] = ['default', 'fallback']

/** Between two questions, virtual ms. */
const PAUSE_MS = [50, 700] as const

/** Asks one instance after the other until `untilMs`. */
export function askWhileRunning(world: World, untilMs: number): void {
  const chance = world.chance.branch(5)
  const ask = (): void => {
    if (world.scheduler.now() > untilMs) return
    askOnce(world, chance.pick(world.places))
    world.scheduler.after(chance.between(PAUSE_MS), ask)
  }
  world.scheduler.after(chance.between(PAUSE_MS), ask)
}

function askOnce(world: World, instance: Instance): void {
  if (instance.gate.state !== 'running') return
  const known = settledFor(world, instance)
  const purges = world.ledgerStore.purges
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
        leaseId !== null && leaseId === instance.fence.id && world.ledgerStore.holds(leaseId)
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

/** After a purge nothing counts but what was accepted since, whoever announces what. */
function compareWithRows({ ledgerStore, observer }: World, { id }: Instance, got: Summary): void {
  const counted = got.default.payments + got.fallback.payments
  if (counted <= ledgerStore.rows.size) return
  observer.fail('purgedNotCounted', `${id}: ${counted} counted`)
}

function compare(
  { servers, observer }: World,
  { instance, got, least }: { instance: Instance; got: Summary; least: Counts | null },
): void {
  for (const processor of PROCESSORS) {
    const { payments } = got[processor]
    const most = servers[processor].ledger.size
    const whose = `${instance.id} ${processor}: ${payments}`
    if (payments > most) observer.fail('summaryAtMostRecorded', `${whose} > ${most}`)
    if (least !== null && payments < least[processor]) {
      observer.fail('summaryAtLeastSettled', `${whose} < ${least[processor]}`)
    }
  }
}
