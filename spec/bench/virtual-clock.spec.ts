import t from 'tap'
import { createVirtualClock } from '../../bench/actors/virtual-clock.ts'

t.test('the clock of the actors’ benchmark runs what is due, in order', async (t) => {
  const clock = createVirtualClock()
  const ran: string[] = []
  const note = (what: string) => () => void ran.push(`${what} at ${clock.now()}`)
  clock.setTimeout(note('late'), 20)
  clock.setTimeout(note('early'), 10)
  clock.clearTimeout(clock.setTimeout(note('never'), 5))
  clock.setTimeout(() => clock.setTimeout(note('nested'), 5), 10)

  clock.advance(15)
  t.same(ran, ['early at 10', 'nested at 15'])
  clock.advance(15)

  t.same(ran, ['early at 10', 'nested at 15', 'late at 20'])
  t.equal(clock.now(), 30)
})
