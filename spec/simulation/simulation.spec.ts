// Whole Pit on virtual time: every rule holds under the fault plans of many seeds.

import t from 'tap'
import { replayCommand, runSeed } from './seeds.ts'

/** Seeds of a usual run; continuous integration runs more by `npm run simulate`. */
const SEEDS = 20

t.test(`every rule holds in each of ${SEEDS} seeds`, async (t) => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violations } = await runSeed({ seed })
    t.same(violations, [], replayCommand(seed))
  }
})

t.test('a seed gives the same trace in each run, byte by byte', async (t) => {
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
