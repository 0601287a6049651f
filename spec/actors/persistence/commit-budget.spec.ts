import t from 'tap'
import { startActorSystem, BESIDE_PERSISTENCE, settled } from '../../support/actor-system.ts'
import { createCommitBudget } from '../../../src/actors/persistence/accept-batcher.ts'
import { persistenceLogic } from '../../../src/actors/persistence/persistence.ts'

/** Commits that begin so many ms after one another: after how many of them time is left. */
function spacings(perSecond: number, { commits, everyMs }: { commits: number; everyMs: number }) {
  const spend = createCommitBudget(perSecond)
  const answers = Array.from({ length: commits }, (_, index) => spend(1000 + index * everyMs))
  return answers.filter((spacingMs) => spacingMs > 0)
}

t.test('commits up to the rate are not spaced', async (t) => {
  t.same(spacings(500, { commits: 5_000, everyMs: 2 }), [])
  t.same(spacings(500, { commits: 5_000, everyMs: 3 }), [])
})

t.test('a burst after a quiet time is free, up to a tenth of a second of commits', async (t) => {
  t.same(spacings(500, { commits: 49, everyMs: 0 }), [])
  t.same(spacings(500, { commits: 52, everyMs: 0 }), [2, 2, 2])
})

t.test('each commit beyond the rate is followed by its share of a second', async (t) => {
  t.same(new Set(spacings(250, { commits: 1_000, everyMs: 1 })), new Set([4]))
  t.ok(spacings(250, { commits: 1_000, everyMs: 1 }).length > 950)
})

t.test('commits that are spaced as told keep to the rate', async (t) => {
  const spend = createCommitBudget(500)
  let [now, commits] = [1000, 0]
  for (; now < 11_000; commits += 1) now += 0.5 + spend(now)

  t.ok(commits > 0.75 * 5_000 && commits < 1.02 * 5_000, `${commits} in 10 s`)
})

t.test('commits beyond the budget delay no later commit once its time has passed', async (t) => {
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

t.test('commits are spaced out once they are denser than the rate allows', async (t) => {
  const { system, post, sizes } = started(20)

  // Two may be made at once; after the second a twentieth of a second is left.
  for (const id of ['a', 'b', 'c']) {
    post(id)
    await settled()
  }
  t.same(sizes(), [1, 1])
  post('d')
  system.clock.increment(49)
  await settled()
  t.same(sizes(), [1, 1])
  system.clock.increment(1)
  await settled()
  t.same(sizes(), [1, 1, 2])
})

t.test(
  'the first payment after a quiet time is committed at once, however dense it was before',
  async (t) => {
    const { system, post, sizes } = started(20)

    for (const id of ['a', 'b', 'c']) {
      post(id)
      await settled()
    }
    system.clock.increment(1_000)
    await settled()
    system.clock.increment(1_000)
    post('d')
    await settled()

    t.same(sizes(), [1, 1, 1, 1])
  },
)

t.test('a batch gathers for its window, and after dense commits no longer than that', async (t) => {
  const { system, post, sizes } = started(10, 5)
  const after = async (ms: number): Promise<readonly number[]> => {
    system.clock.increment(ms)
    await settled()
    return sizes()
  }

  post('a')
  t.same(await after(4), [])
  t.same(await after(1), [1])
  post('b')
  t.same(await after(99), [1])
  t.same(await after(1), [1, 1], 'what waited for the spacing waits for no window')
})

t.test('each payment is committed at once far below the rate', async (t) => {
  const { system, post, sizes } = started(20)

  for (const id of ['a', 'b', 'c', 'd', 'e']) {
    post(id)
    await settled()
    system.clock.increment(100)
  }

  t.same(sizes(), [1, 1, 1, 1, 1])
})

/** Persistence over a ledger that commits at once, and the sizes of the batches it was given. */
function started(commitsMax: number, windowMs = 0) {
  const system = startActorSystem(BESIDE_PERSISTENCE)
  const sizes: number[] = []
  const ledger = {
    ...system.ports.ledger,
    accept: async (batch: readonly unknown[]) => {
      sizes.push(batch.length)
      return { results: batch.map(() => 'accepted' as const), purges: 0 }
    },
  }
  system.start(persistenceLogic, {
    ports: { ...system.ports, ledger },
    accepts: { batchMax: 10, windowMs, commitsMax, pendingMax: 10 },
    outcomes: { batchMax: 10, windowMs: 20, congestedAt: 40 },
    answersWhen: 'committed',
  })
  const post = (correlationId: string): void => {
    const payment = { correlationId, amountCents: 1990, replyTo: () => undefined }
    system.tell('acceptBatcher', { type: 'payment.received', ...payment })
  }
  return { system, post, sizes: () => sizes }
}
