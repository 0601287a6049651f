import t from 'tap'
import { persistenceLogic } from '../../../src/actors/persistence/persistence.ts'
import { actorHouse, BESIDE_PERSISTENCE, settled } from '../../support/actor-house.ts'

t.test('commits are spaced out once they are denser than the rate allows', async (t) => {
  const { house, post, sizes } = desk(20)

  // Two may be made at once; after the second a twentieth of a second is left.
  for (const id of ['a', 'b', 'c']) {
    post(id)
    await settled()
  }
  t.same(sizes(), [1, 1])
  post('d')
  house.clock.increment(49)
  await settled()
  t.same(sizes(), [1, 1])
  house.clock.increment(1)
  await settled()
  t.same(sizes(), [1, 1, 2])
})

t.test(
  'after a quiet time the first payment is committed at once, dense as it was before',
  async (t) => {
    const { house, post, sizes } = desk(20)

    for (const id of ['a', 'b', 'c']) {
      post(id)
      await settled()
    }
    house.clock.increment(1_000)
    await settled()
    house.clock.increment(1_000)
    post('d')
    await settled()

    t.same(sizes(), [1, 1, 1, 1])
  },
)

t.test('a batch gathers for its window, and after dense commits no longer than that', async (t) => {
  const { house, post, sizes } = desk(10, 5)
  const after = async (ms: number): Promise<readonly number[]> => {
    house.clock.increment(ms)
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

t.test('far below the rate each payment is committed at once', async (t) => {
  const { house, post, sizes } = desk(20)

  for (const id of ['a', 'b', 'c', 'd', 'e']) {
    post(id)
    await settled()
    house.clock.increment(100)
  }

  t.same(sizes(), [1, 1, 1, 1, 1])
})

/** Persistence over a ledger that commits at once, and the sizes of the batches that it was given. */
function desk(commitsMax: number, windowMs = 0) {
  const house = actorHouse(BESIDE_PERSISTENCE)
  const sizes: number[] = []
  const ledger = {
    ...house.ports.ledger,
    accept: async (batch: readonly unknown[]) => {
      sizes.push(batch.length)
      return { results: batch.map(() => 'accepted' as const), purges: 0 }
    },
  }
  house.start(persistenceLogic, {
    ports: { ...house.ports, ledger },
    accepts: { batchMax: 10, windowMs, commitsMax, pendingMax: 10 },
    outcomes: { batchMax: 10, windowMs: 20, congestedAt: 40 },
    answersWhen: 'committed',
  })
  const post = (correlationId: string): void => {
    const payment = { correlationId, amountCents: 1990, replyTo: () => undefined }
    house.tell('acceptBatcher', { type: 'payment.received', ...payment })
  }
  return { house, post, sizes: () => sizes }
}
