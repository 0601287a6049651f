import t from 'tap'
import {
  ANNOUNCE_WINDOW_MS,
  createSettledPublisher,
} from '../../../src/actors/persistence/settled-publisher.ts'
import type { SettledPayment } from '../../../src/actors/model/payment.ts'
import type { SettledSet } from '../../../src/actors/model/ports.ts'
import { CacheUnavailable } from '../../../src/actors/model/errors.ts'
import { actorHouse, settled } from '../../support/actor-house.ts'
import { scriptedPort } from '../../support/scripted-port.ts'

function payment(correlationId: string): SettledPayment {
  return { correlationId, processor: 'default', requestedAt: 5, amountCents: 1 }
}

function world() {
  const { clock } = actorHouse()
  const cache = scriptedPort<SettledSet>()
  return { clock, cache, publisher: createSettledPublisher({ clock, settledSet: cache.port }) }
}

t.test('changes of a window reach the cache together, what is put on it first', async (t) => {
  const { clock, cache, publisher } = world()
  publisher.remove(['a'])
  publisher.add(payment('b'))
  publisher.add(payment('c'))

  clock.increment(ANNOUNCE_WINDOW_MS - 1)
  t.same(cache.waiting, [])
  clock.increment(1)

  t.same(cache.waiting, ['add', 'remove'])
  t.same((await cache.called('add')).args, [[payment('b'), payment('c')]])
  t.same((await cache.called('remove')).args, [['a']])
  t.equal(clock.pending, 0)
})

t.test('what waits is done at once when asked for, and not again', async (t) => {
  const { clock, cache, publisher } = world()
  publisher.add(payment('a'))

  publisher.announce()
  t.same(cache.waiting, ['add'])
  publisher.announce()
  clock.increment(ANNOUNCE_WINDOW_MS)

  t.same(cache.waiting, ['add'])
  t.equal(clock.pending, 0)
})

t.test('nothing to take off is no change', async (t) => {
  const { clock, publisher } = world()

  publisher.remove([])

  t.equal(clock.pending, 0)
})

t.test('a cache that fails is let be', async (t) => {
  const { cache, publisher } = world()
  publisher.add(payment('a'))
  publisher.remove(['b'])

  publisher.announce()
  ;(await cache.called('add')).fail(new CacheUnavailable('add'))
  ;(await cache.called('remove')).fail(new CacheUnavailable('remove'))
  await settled()

  t.same(cache.waiting, [])
})
