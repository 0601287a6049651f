// Which answers are late follows from how far back somebody compares the books.

import t from 'tap'
import { createAskedLag } from '../../../src/actors/payments/asked-lag.ts'

/** While nothing is known. */
const SLOW_MS = 1000

t.test('a charge is late after a second until a window is asked', async (t) => {
  t.equal(createAskedLag(undefined).slowMsAt(0), SLOW_MS)
})

t.test('what the settings say is late stays so, whatever is asked', async (t) => {
  const lag = createAskedLag(700)

  lag.note(2000, 0)

  t.equal(lag.slowMsAt(0), 700)
})

t.test('a charge is in time that is answered well before the books are compared', async (t) => {
  const lag = createAskedLag(undefined)

  lag.note(2000, 10)

  t.equal(lag.slowMsAt(10), 1800)
})

t.test('the shortest lag counts for a minute', async (t) => {
  const lag = createAskedLag(undefined)

  lag.note(2000, 0)
  lag.note(1500, 10_000)
  lag.note(3000, 20_000)

  t.equal(lag.slowMsAt(69_999), 1350)
  t.equal(lag.slowMsAt(70_000), SLOW_MS, 'then it is forgotten')
  lag.note(3000, 70_000)
  t.equal(lag.slowMsAt(70_000), 2700)
})

t.test('the same lag asked again counts for another minute', async (t) => {
  const lag = createAskedLag(undefined)

  lag.note(1500, 0)
  lag.note(1500, 50_000)

  t.equal(lag.slowMsAt(109_999), 1350)
})

t.test('a window that ends now, ahead or long ago says nothing of answers', async (t) => {
  const lag = createAskedLag(undefined)

  for (const lagMs of [-500, 0, 199, 5001, 3_600_000]) lag.note(lagMs, 0)
  t.equal(lag.slowMsAt(0), SLOW_MS)

  lag.note(200, 0)
  t.equal(lag.slowMsAt(0), 180)
  lag.note(5000, 60_000)
  t.equal(lag.slowMsAt(60_000), 4500)
})
