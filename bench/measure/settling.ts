// Waits until a load has come to its end in the ledger.

import { waitUntil } from '../layout/wait.ts'
import type { World } from './world.ts'

/** For what is accepted to be settled and committed after a load, ms. */
const SETTLE_WITHIN_MS = 30_000

/** Awaits that the ledger has what the processors have, in two looks running. */
export async function settles(world: World): Promise<void> {
  let before = -1
  await waitUntil({ what: 'settlements', withinMs: SETTLE_WITHIN_MS }, async () => {
    const [recorded, stored] = await Promise.all([world.recorded(), world.stored()])
    const isOver = recorded === stored && recorded === before
    before = recorded
    return isOver
  })
}
