import t from 'tap'
import { createCommitBudget } from '../../../src/actors/persistence/commit-budget.ts'

/** Commits that begin so many ms after one another: after how many of them time is left. */
function spacings(perSecond: number, { commits, everyMs }: { commits: number; everyMs: number }) {
  const spend = createCommitBudget(perSecond)
  const answers = Array.from({ length: commits }, (_, index) => spend(1000 + index * everyMs))
  return answers.filter((spacingMs) => spacingMs > 0)
}

t.test('up to the rate no time is left between commits', async (t) => {
  t.same(spacings(500, { commits: 5_000, everyMs: 2 }), [])
  t.same(spacings(500, { commits: 5_000, everyMs: 3 }), [])
})

t.test('a burst after a quiet time is free, up to a tenth of a second of commits', async (t) => {
  t.same(spacings(500, { commits: 49, everyMs: 0 }), [])
  t.same(spacings(500, { commits: 52, everyMs: 0 }), [2, 2, 2])
})

t.test('beyond the rate each is followed by its share of a second', async (t) => {
  t.same(new Set(spacings(250, { commits: 1_000, everyMs: 1 })), new Set([4]))
  t.ok(spacings(250, { commits: 1_000, everyMs: 1 }).length > 950)
})

t.test('commits that are spaced as told keep to the rate', async (t) => {
  const spend = createCommitBudget(500)
  let [now, commits] = [1000, 0]
  for (; now < 11_000; commits += 1) now += 0.5 + spend(now)

  t.ok(commits > 0.75 * 5_000 && commits < 1.02 * 5_000, `${commits} in 10 s`)
})

t.test('what was spent beyond the budget is forgotten', async (t) => {
  const spend = createCommitBudget(500)
  for (let commit = 0; commit < 1_000; commit += 1) spend(1000)

  t.equal(spend(1010), 0, 'five more after 10 ms')
})

t.test('a quiet time gives back no more than a burst', async (t) => {
  const spend = createCommitBudget(500)
  for (let commit = 0; commit < 1_000; commit += 1) spend(1000)
  t.equal(spend(2_000_000), 0)

  const next = Array.from({ length: 60 }, () => spend(2_000_000))
  t.equal(next.filter((spacingMs) => spacingMs > 0).length, 12)
})
