// Faults of Pit's own processes.

import type { Part } from '../../bench/layout/part.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import type { PitPart } from '../../bench/layout/pit.ts'
import { pause } from './pause.ts'

/** A start fails while PostgreSQL is away; a container would be started again and again. */
const START_WITHIN_MS = 60_000

/** Kills and, after `lastsMs`, starts again; several are killed at the same instant. */
export async function killFor(pits: readonly Part[], lastsMs: number): Promise<void> {
  for (const pit of pits) pit.kill('SIGKILL')
  await Promise.all(pits.map((pit) => pit.ended()))
  await pause(lastsMs)
  await Promise.all(pits.map(startAgain))
}

/** Lets it drain for `lastsMs`, unless it is through sooner. */
export async function killDraining(pit: Part, lastsMs: number): Promise<void> {
  pit.kill('SIGTERM')
  await pause(lastsMs)
  await killFor([pit], 0)
}

export async function pauseFor(parts: readonly Part[], lastsMs: number): Promise<void> {
  for (const part of parts) part.kill('SIGSTOP')
  await pause(lastsMs)
  for (const part of parts) part.kill('SIGCONT')
}

/** Rejects when an instance does not stop by itself within the layout's bound. */
export async function restartInTurn(
  pits: readonly PitPart[],
  onEnded: (pit: PitPart) => void,
): Promise<void> {
  for (const pit of pits) {
    pit.kill('SIGTERM')
    await pit.ended()
    onEnded(pit)
    await startAgain(pit)
  }
}

export async function startAgain(part: Part): Promise<void> {
  let failure: unknown
  await waitUntil({ what: `${part.name} started again`, withinMs: START_WITHIN_MS }, () =>
    part.start().then(
      () => true,
      (error: unknown) => {
        failure = error
        return false
      },
    ),
  ).catch((cause: unknown) => {
    throw new Error(`chaos: ${String(cause)}: ${String(failure)}`, { cause })
  })
}
