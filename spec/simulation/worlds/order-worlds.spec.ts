// Orders of operators in fixed worlds, in which every rule holds; and the space that they are drawn
// from.

import t from 'tap'
import { Chance } from '../chance.ts'
import { drawPlan, type Plan, type PlannedFault } from '../plan.ts'
import { drawSettings, type Settings } from '../settings.ts'
import { HEALTHY } from '../simulated-processor.ts'
import { holdsIn } from './hold.ts'
import { drawOrders, type OrderFault } from './orders.ts'

type Timed = readonly [share: number, lastsShare: number, fault: PlannedFault['fault']]

/** Two instances; `share`: when it begins, and how long it lasts, by the time that faults take. */
function only(...timed: readonly Timed[]) {
  return (plan: Plan, { faultsMs }: Settings): Plan => {
    const faults = timed.map(([share, lasts, fault]) => {
      return { at: share * faultsMs, lastsMs: lasts * faultsMs, fault }
    })
    return { ...plan, instances: 2, faults }
  }
}

const failing = { ...HEALTHY, name: 'refusing', refused: 1 }
const DEFAULT_FAILS = { kind: 'phase', processor: 'default', phase: failing } as const
const pause = (processor: 'default' | 'fallback'): OrderFault => ({ kind: 'orderPause', processor })
const drain = (instance: number): OrderFault => ({ kind: 'orderDrain', instance })
const HELD_CLOSED = {
  kind: 'orderHold',
  processor: 'default',
  to: 'closed',
  forMs: 2500,
  endsBy: 'itself',
} as const

holdsIn(
  'while both processors are paused all wait, and all is settled after it',
  only([0.1, 1, pause('default')], [0.2, 1, pause('fallback')]),
)

holdsIn(
  'a processor that fails is held closed for a time',
  only([0, 0.8, DEFAULT_FAILS], [0.2, 0.3, HELD_CLOSED]),
)

holdsIn(
  'an order is given while PostgreSQL hangs, and an instance is paused',
  only(
    [0.3, 0.2, { kind: 'ledgerHung' }],
    [0.35, 0.3, pause('default')],
    [0.4, 0.2, { kind: 'pause', instance: 1 }],
    [0.45, 0.1, { ...HELD_CLOSED, processor: 'fallback', forMs: 900 }],
  ),
)

holdsIn('all instances are drained by orders', only([0.3, 0.1, drain(0)], [0.32, 0.2, drain(1)]))

t.test('a seed draws orders of every kind, all of them while faults go on', async (t) => {
  const draw = (seed: number) => {
    const chance = new Chance(seed)
    const settings = drawSettings(chance)
    const { instances, faults } = drawPlan(chance, settings)
    return { settings, orders: drawOrders({ chance, settings, instances, faults }) }
  }
  const all = Array.from({ length: 300 }, (_, seed) => draw(seed))
  const faults = all.flatMap(({ orders }) => orders.map(({ fault }) => fault))

  t.same(draw(7), all[7])
  t.same([...new Set(faults.map((fault) => ('to' in fault ? fault.to : fault.kind)))].toSorted(), [
    'closed',
    'open',
    'orderDrain',
    'orderPause',
  ])
  t.ok(all.some(({ orders }) => orders.length === 0))
  for (const { settings, orders } of all) {
    t.ok(orders.every(({ at }) => at >= 0 && at < settings.faultsMs))
  }
})
