// What any delayed queue must do.

import type { Test } from 'tap'
import { uuid } from './ledger-words.ts'
import type { OpenWorld } from './redis.ts'

export async function delayedQueueContract(t: Test, open: OpenWorld): Promise<void> {
  await t.test('each entry is taken once, when it is due, and the earliest first', (t) =>
    duesComeOnce(t, open),
  )

  await t.test('instances that take at once never get the same entry', async (t) => {
    const world = await open(t)
    const ids = Array.from({ length: 100 }, (_, index) => uuid(index))
    await world.as('a').retry.schedule(ids.map((correlationId) => ({ correlationId, dueInMs: 0 })))

    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, index) => world.as(`${index % 3}`).retry.takeDue(7)),
    )

    t.same(taken.flat().toSorted(), ids.toSorted())
  })

  await t.test('an entry scheduled again is due at its new time only', async (t) => {
    const world = await open(t)
    const { retry } = world.as('a')
    await retry.schedule([{ correlationId: uuid(1), dueInMs: 0 }])

    await retry.schedule([{ correlationId: uuid(1), dueInMs: 60_000 }])

    t.same(await retry.takeDue(10), [])
  })

  await t.test('a full queue refuses new entries and reschedules those it has', (t) =>
    fillUp(t, open),
  )

  await t.test('one instance rebuilds a new queue, and again one that was lost', (t) =>
    rebuildOnce(t, open),
  )
}

const [OVERDUE, NOW, LATER, TOMORROW] = [uuid(1), uuid(2), uuid(3), uuid(4)]

async function duesComeOnce(t: Test, open: OpenWorld): Promise<void> {
  const world = await open(t)
  const { retry } = world.as('a')
  await retry.schedule([
    { correlationId: LATER, dueInMs: 300 },
    { correlationId: NOW, dueInMs: 0 },
    { correlationId: OVERDUE, dueInMs: -500.5 },
    { correlationId: TOMORROW, dueInMs: 86_400_000 },
  ])

  t.same(await retry.takeDue(1), [OVERDUE])
  t.same(await retry.takeDue(10), [NOW])
  await world.pass(300)
  t.same(await world.as('b').retry.takeDue(10), [LATER])
  t.same(await retry.takeDue(10), [])
}

async function fillUp(t: Test, open: OpenWorld): Promise<void> {
  const world = await open(t)
  const { retry } = world.as('a')
  await retry.claimRebuild()
  const bound = world.retryEntriesMax
  const entries = Array.from({ length: bound + 3 }, (_, index) => ({
    correlationId: uuid(index),
    dueInMs: 60_000,
  }))
  await retry.schedule(entries)

  await retry.schedule(entries.map((entry) => ({ ...entry, dueInMs: 0 })))

  t.equal((await retry.takeDue(bound + 10)).length, bound)
}

async function rebuildOnce(t: Test, open: OpenWorld): Promise<void> {
  const world = await open(t)
  const claimAll = (): Promise<boolean[]> =>
    Promise.all(['a', 'b', 'c'].map((id) => world.as(id).retry.claimRebuild()))

  t.equal((await claimAll()).filter(Boolean).length, 1)
  t.equal((await claimAll()).filter(Boolean).length, 0)
  await world.lose()
  // Entries that come in before the rebuild do not hide the loss.
  await world.as('a').retry.schedule([{ correlationId: uuid(1), dueInMs: 0 }])
  t.equal((await claimAll()).filter(Boolean).length, 1)
  t.same(await world.as('b').retry.takeDue(10), [uuid(1)])
  t.equal((await claimAll()).filter(Boolean).length, 0)
}
