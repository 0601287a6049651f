import t from 'tap'
import type { HistoryChange, ServerFacts } from '../../../src/actors/model/facts.ts'
import { HistoryWatch, type RecordedHistory } from '../../../src/actors/model/ledger-history.ts'

const SERVER: ServerFacts = { systemIdentifier: '7', timeline: 1, position: 100 }
const FIRST: RecordedHistory = { ...SERVER, generation: 0, ageMs: 1_000 }
const SECOND: RecordedHistory = { ...SERVER, timeline: 2, generation: 50, ageMs: 400 }

function watching() {
  const changes: HistoryChange[] = []
  const clock = { at: 10, now: () => clock.at }
  const watch = new HistoryWatch({
    clock,
    askMs: 1_000,
    landsForMs: 300,
    onChanged: (change) => changes.push(change),
  })
  return { watch, clock, changes }
}

t.test('a server that differs in anything it tells is another one', async (t) => {
  const { watch } = watching()
  const before = { own: undefined, shared: undefined }

  t.equal(watch.isOther(SERVER, [], before), true, 'none is written down')
  t.equal(watch.isOther(SERVER, [FIRST], before), false)
  t.equal(watch.isOther({ ...SERVER, systemIdentifier: '8' }, [FIRST], before), true)
  t.equal(watch.isOther({ ...SERVER, timeline: 2 }, [FIRST], before), true)
  const silent = { systemIdentifier: null, timeline: null, position: null }
  t.equal(watch.isOther(silent, [FIRST], before), false, 'what is not told is not compared')
})

t.test('a log that is shorter than it is known to be is another one', async (t) => {
  const { watch } = watching()
  watch.enter(SERVER, [FIRST])
  watch.note({ generation: 0, position: 120 })
  const before = { own: watch.known, shared: undefined }

  t.equal(watch.isOther({ ...SERVER, position: 119 }, [FIRST], before), true)
  t.equal(watch.isOther({ ...SERVER, position: 120 }, [FIRST], before), false)
  const shared = { systemIdentifier: '7', generation: 0, position: 130 }
  t.equal(
    watch.isOther({ ...SERVER, position: 120 }, [FIRST], { ...before, shared }),
    true,
    'Redis knows more',
  )
  const strange = { ...shared, systemIdentifier: '8' }
  t.equal(
    watch.isOther({ ...SERVER, position: 120 }, [FIRST], { ...before, shared: strange }),
    false,
  )
  const later = { ...shared, generation: 9, position: 1 }
  t.equal(watch.isOther({ ...SERVER, position: 120 }, [FIRST], { ...before, shared: later }), true)
  watch.note({ generation: 0, position: 150 })
  t.equal(watch.isOther({ ...SERVER, position: 120 }, [FIRST], before), false, 'it rises meanwhile')
  t.equal(watch.next([FIRST], { ...before, shared: later }), 10)
})

t.test('another history is asked about from the moment it is met', async (t) => {
  const { watch, clock, changes } = watching()
  watch.enter(SERVER, [FIRST])
  t.equal(watch.doubtUntil(10), undefined)

  clock.at = 20
  watch.enter({ ...SERVER, timeline: 2 }, [SECOND, FIRST])

  t.equal(watch.epoch, 1)
  t.equal(watch.doubtUntil(20), 320)
  t.equal(watch.doubtUntil(1_019), 320, 'whatever its age is by a clock that may be set')
  t.equal(watch.doubtUntil(1_020), undefined)
  t.match(changes, [{ from: { timeline: 1 }, to: { timeline: 2 } }])
})

t.test('an instance that starts asks for what is left', async (t) => {
  const { watch, changes } = watching()

  watch.enter({ ...SERVER, timeline: 2 }, [SECOND, FIRST])

  t.equal(watch.epoch, 0)
  t.equal(watch.doubtUntil(609), 310, 'nobody knows when the others met it')
  t.equal(watch.doubtUntil(610), undefined)
  t.equal(changes.length, 1)
})

t.test('a renewal tells of a history that somebody else has noticed', async (t) => {
  const { watch } = watching()
  watch.enter(SERVER, [FIRST])

  watch.note({ generation: 50, position: 90 })
  t.equal(watch.epoch, 1, 'no session is of it')
  watch.enter(SERVER, [SECOND, FIRST])
  t.equal(watch.epoch, 1)
  t.equal(watch.doubtUntil(10), 310)

  watch.note({ generation: 0, position: 500 })
  t.equal(watch.epoch, 1, 'a late answer is of before')
  watch.enter(SERVER, [{ ...SECOND, generation: 60 }, SECOND])
  t.equal(watch.epoch, 2)
})
