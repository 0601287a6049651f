import t from 'tap'
import { createSuspicion, SUSPECTS_MAX } from '../../../src/actors/payment/suspicion.ts'

const ids = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `payment ${index}`)

t.test('a run over different payments blames the processor, until one settles', async (t) => {
  const suspicion = createSuspicion()
  const told = ids(SUSPECTS_MAX + 1).map((id) => suspicion.blames(id))

  t.same(told, [false, false, false, false, true, true])
  suspicion.settled()
  for (const id of ids(SUSPECTS_MAX).slice(1)) t.equal(suspicion.blames(id), false, id)
  t.equal(suspicion.blames('one more'), true, 'a new run is as long as the first')
})

t.test('one payment that is denied again and again blames nobody', async (t) => {
  const suspicion = createSuspicion()

  for (let asked = 0; asked < 100; asked += 1) t.equal(suspicion.blames('poison'), false)
  for (const id of ids(SUSPECTS_MAX - 1).slice(1)) t.equal(suspicion.blames(id), false)
})
