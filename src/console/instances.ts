// All instances' figures, this one's own included: through Redis, or alone without it.

import type { Figures, FiguresBoard } from './figures.ts'
import { parseFigures } from './figures.ts'

export interface Instances {
  /** Publishes our figures and reads the others'. Never rejects: without the board we are alone. */
  exchange(): Promise<void>
  /** Ours as of now, first; the others' as of the last exchange, by id. */
  all(): readonly Figures[]
}

export function createInstances(own: () => Figures, board: FiguresBoard | undefined): Instances {
  let others: readonly Figures[] = []
  return {
    async exchange() {
      if (board === undefined) return
      const figures = own()
      try {
        await board.publish(JSON.stringify(figures))
        const texts = Object.values(await board.readAll())
        others = texts
          .flatMap((text) => parseFigures(text) ?? [])
          .filter(({ instanceId }) => instanceId !== figures.instanceId)
          .sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1))
      } catch {
        // Redis only helps. The connection has said in the log that it is gone.
        others = []
      }
    },
    all: () => [own(), ...others],
  }
}
