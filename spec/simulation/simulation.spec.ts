// Whole Pit on virtual time: every promise holds under the fault plans of many seeds.

import t from 'tap'
import { runSeed } from './run.ts'
import { replayCommand } from './seeds.ts'

/** Seeds of a usual run; continuous integration runs more by `npm run simulate`. */
const SEEDS = 60

t.test(`every promise holds in each of ${SEEDS} seeds`, async (t) => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violations } = await runSeed({ seed })
    t.same(violations, [], replayCommand(seed))
  }
})

t.test('one seed has one history, to the byte', async (t) => {
  const tell = async (seed: number): Promise<{ lines: string[]; digest: string }> => {
    const lines: string[] = []
    const { digest } = await runSeed({ seed, print: (line) => lines.push(line) })
    return { lines, digest }
  }

  const first = await tell(7)
  const second = await tell(7)
  const untold = await runSeed({ seed: 7 })
  const other = await tell(8)

  t.ok(first.lines.length > 100)
  t.same(second, first)
  t.equal(untold.digest, first.digest)
  t.not(other.digest, first.digest)
})
