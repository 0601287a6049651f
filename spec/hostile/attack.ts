// Many clients at once, each playing one script after the other.

import type { Target } from '../../bench/load/target.ts'
import type { Chance } from '../simulation/chance.ts'
import type { Asked } from './asked.ts'
import { pickKind } from './kinds.ts'
import type { Draw } from './script.ts'
import type { HostileTally } from './tally.ts'
import { Wire, insist } from './wire.ts'

export interface AttackOptions {
  /** Each client keeps to one of them; all have as many. */
  readonly targets: readonly Target[]
  readonly clients: number
  /** Requests in all. */
  readonly requests: number
  readonly chance: Chance
  readonly asked: Asked
  readonly tally: HostileTally
}

/** Resolves once all requests were made. */
export async function attack(options: AttackOptions): Promise<void> {
  const left = { requests: options.requests }
  const { chance, asked } = options
  const draw: Draw = { chance, known: () => asked.known(chance.next()) }
  const all = Array.from({ length: Math.ceil(options.clients / options.targets.length) }, () =>
    options.targets.map((target) => attackOne(options, draw, { target, left })),
  )
  await Promise.all(all.flat())
}

async function attackOne(
  { asked, tally }: AttackOptions,
  draw: Draw,
  { target, left }: { readonly target: Target; readonly left: { requests: number } },
): Promise<void> {
  const wire = new Wire(target)
  while (left.requests > 0) {
    const kind = pickKind(draw)
    const script = kind.draw(draw)
    left.requests -= script.requests
    for (const payment of script.payments) asked.add(payment)
    const played = await insist(
      () => wire.play(script),
      () => tally.postpone(kind.name),
    )
    const { statuses = kind.statuses } = script
    tally.count(kind.name, played, script, { statuses, closing: kind.closing })
    for (const payment of script.payments) {
      if (played.statuses[payment.at] === 202) asked.accept(payment)
    }
  }
  wire.close()
}
