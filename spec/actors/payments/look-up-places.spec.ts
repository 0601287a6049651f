import t from 'tap'
import { sampleDoubt } from '../../support/payment-samples.ts'
import { createLookUpPlaces, PLACE_KINDS } from '../../../src/actors/payments/look-up-places.ts'

const AT_DEFAULT = [sampleDoubt('default')]
const AT_FALLBACK = [sampleDoubt('fallback')]
const AT_BOTH = [...AT_DEFAULT, ...AT_FALLBACK]

t.test('doubts of one kind take as many places as there are, and none of another', async (t) => {
  const places = createLookUpPlaces({ slots: 9, max: 2 })

  const taken = [0, 1, 2].map((slot) => places.take(slot, AT_DEFAULT))

  t.same(taken, [true, true, false])
  t.same(
    PLACE_KINDS.map((kind) => places.isFree(kind)),
    [false, true, true],
  )
  t.ok(places.take(3, AT_FALLBACK))
  t.ok(places.take(4, AT_BOTH))
})

t.test('a payment that is in doubt still keeps its place for the next look-up', async (t) => {
  const places = createLookUpPlaces({ slots: 9, max: 1 })
  places.take(0, AT_DEFAULT)

  t.ok(places.take(0, AT_DEFAULT))
  t.notOk(places.take(1, AT_DEFAULT))
})

t.test('who is missing at one of two processors waits for a place at the other', async (t) => {
  const places = createLookUpPlaces({ slots: 9, max: 1 })
  places.take(0, AT_BOTH)
  places.take(1, AT_DEFAULT)

  t.notOk(places.take(0, AT_DEFAULT), 'taken by another')
  t.ok(places.isFree('both'), 'and its own is free')
  places.leave(1)
  t.ok(places.take(0, AT_DEFAULT))
})

t.test('a place is given back once', async (t) => {
  const places = createLookUpPlaces({ slots: 9, max: 1 })
  places.take(0, AT_DEFAULT)

  places.leave(0)
  places.leave(0)
  places.leave(5)

  t.ok(places.take(1, AT_DEFAULT))
  t.notOk(places.take(2, AT_DEFAULT))
})
