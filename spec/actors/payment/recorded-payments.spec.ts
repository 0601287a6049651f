import t from 'tap'
import { RecordedPayments } from '../../../src/actors/payment/recorded-payments.ts'
import { StandingTime } from '../../support/standing-time.ts'

const LAG_MS = 100
/** Age from which every look-up has a payment: the lag, and what a clock may drift. */
const OLD_MS = 105

/** Four that every look-up has, `one` the oldest. */
function knowFour() {
  const clock = new StandingTime()
  const choice = { value: 0 }
  const random = (): number => choice.value
  const recorded = new RecordedPayments({ clock, random, lookUpLagMs: LAG_MS })
  for (const id of ['one', 'two', 'three', 'four']) {
    recorded.note(id, clock.now())
    clock.increment(OLD_MS)
  }
  const known = (): readonly (string | null)[] =>
    [0, 0.25, 0.5, 0.75].map((value) => {
      choice.value = value
      return recorded.pick()
    })
  return { recorded, known, clock }
}

t.test('each of the four newest is picked by chance', async (t) => {
  const { recorded, known, clock } = knowFour()
  t.same(known(), ['one', 'two', 'three', 'four'])

  recorded.note('five', clock.now())
  clock.increment(OLD_MS)
  t.same(known(), ['two', 'three', 'four', 'five'])
})

t.test('one that is not found goes, with those before it, but for the newest', async (t) => {
  for (const [missing, left] of [
    ['one', ['two', 'two', 'three', 'four']],
    ['two', ['three', 'three', 'four', 'four']],
    ['three', ['four', 'four', 'four', 'four']],
    ['four', ['four', 'four', 'four', 'four']],
  ] as const) {
    const { recorded, known } = knowFour()
    recorded.drop(missing)
    t.same(known(), left, missing)
  }
})

t.test('none is picked before every look-up has it, nor after a purge', async (t) => {
  const clock = new StandingTime()
  const recorded = new RecordedPayments({ clock, random: () => 0, lookUpLagMs: LAG_MS })
  t.strictSame([recorded.isEmpty(), recorded.pick()], [true, null])

  recorded.note('one', clock.now())
  clock.increment(OLD_MS - 1)
  t.strictSame([recorded.isEmpty(), recorded.hasOld(), recorded.pick()], [false, false, null])
  clock.increment(1)
  t.equal(recorded.pick(), 'one', 'without another question before')

  recorded.forget()
  t.strictSame([recorded.isEmpty(), recorded.hasOld(), recorded.pick()], [true, false, null])
})

t.test(
  'the one that is getting old is waited for, however many are recorded after it',
  async (t) => {
    const clock = new StandingTime()
    const recorded = new RecordedPayments({ clock, random: () => 0, lookUpLagMs: LAG_MS })
    clock.increment(OLD_MS)
    recorded.note('one', clock.now())
    clock.increment(OLD_MS - 1)
    recorded.note('two', clock.now())
    t.equal(recorded.hasOld(), false)
    clock.increment(1)

    t.equal(recorded.hasOld(), true, 'without another question before')
    t.equal(recorded.pick(), 'one')
  },
)
