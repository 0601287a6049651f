import t from 'tap'
import type { HistoryChange, ServerFacts } from '../../../src/actors/model/facts.ts'
import {
  HistoryWatch,
  ONE_HISTORY,
  type RecordedHistory,
} from '../../../src/actors/model/ledger-history.ts'

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

t.test('before the first session nothing is known, and nothing has changed', async (t) => {
  const { watch } = watching()

  t.strictSame([watch.epoch, watch.hasChanged, watch.known], [0, false, undefined])
  t.strictSame([ONE_HISTORY.epoch, ONE_HISTORY.hasChanged], [0, false])
  watch.note({ generation: 7, position: 120 })
  t.equal(watch.epoch, 0, 'there is nothing that it could end')
  watch.enter(SERVER, [])
  t.equal(watch.known, undefined, 'none is written down')
  watch.enter(SERVER, [FIRST])
  t.strictSame(watch.known, { systemIdentifier: '7', generation: 0, position: 100 })
  t.equal(watch.hasChanged, false)
  watch.enter(SERVER, [{ ...FIRST, generation: 1 }, FIRST])
  t.equal(watch.hasChanged, true)
})

t.test('the highest position of the history is known', async (t) => {
  const { watch } = watching()
  watch.enter(SERVER, [FIRST])
  for (const [generation, position, expected] of [
    [0, 130, 130],
    [0, 120, 130],
    [0, null, 130],
    [9, 990, 130],
  ] as const) {
    watch.note({ generation, position })
    t.equal(watch.known?.position, expected)
  }
  watch.enter({ ...SERVER, position: 70 }, [SECOND, FIRST])
  t.equal(watch.known?.position, 70, 'of the one that begins')
  watch.enter({ ...SERVER, position: null }, [{ ...SECOND, generation: 60 }, SECOND])
  t.equal(watch.known?.position, 0, 'nobody tells')
  watch.note({ generation: 60, position: null })
  t.equal(watch.known?.position, 0)
  const before = { own: { systemIdentifier: '7', generation: 60, position: 9 }, shared: undefined }
  const untold = { ...SERVER, timeline: null, position: null }
  t.equal(watch.isOther(untold, [{ ...SECOND, generation: 60 }], before), false)
})

t.test('what only one side tells is not compared', async (t) => {
  const { watch } = watching()
  const before = { own: undefined, shared: undefined }
  const untold = { ...FIRST, systemIdentifier: null, timeline: null }

  t.equal(watch.isOther(SERVER, [untold], before), false)
})

t.test('the next generation is above each that anybody knows', async (t) => {
  const { watch } = watching()
  const shared = { systemIdentifier: '7', generation: 9, position: 0 }
  const before = { own: undefined, shared: undefined }

  t.equal(watch.next([], { ...before, shared }), 0, 'the first one')
  t.equal(watch.next([FIRST], before), 1)
  t.equal(watch.next([SECOND], { ...before, shared }), 51)
  watch.enter(SERVER, [{ ...SECOND, generation: 70 }])
  t.equal(watch.next([FIRST], { ...before, shared }), 71)
})

t.test('a change is told once, from what was known, while it is asked for', async (t) => {
  const late = watching()
  late.watch.enter(SERVER, [{ ...SECOND, ageMs: 1_000 }, FIRST])
  t.same(late.changes, [], 'the time for it is over')

  const ahead = watching()
  ahead.watch.enter(SERVER, [{ ...SECOND, ageMs: -5_000 }])
  t.equal(ahead.watch.doubtUntil(1_009), 310)
  t.equal(ahead.watch.doubtUntil(1_010), undefined, 'no longer than it is set to')
  const nothing = { systemIdentifier: null, timeline: null, position: null }
  t.strictSame(ahead.changes, [{ from: nothing, to: SERVER }])

  const first = watching()
  first.watch.enter(SERVER, [SECOND, FIRST])
  t.strictSame(first.changes, [{ from: FIRST, to: SERVER }])
  const zero = watching()
  zero.watch.enter(SERVER, [{ ...SECOND, ageMs: 0 }])
  t.equal(zero.watch.doubtUntil(1_009), 310)
  t.equal(zero.watch.doubtUntil(1_010), undefined)

  const met = watching()
  met.watch.enter(SERVER, [FIRST])
  met.watch.note({ generation: 0, position: 140 })
  const after = { ...SERVER, timeline: 2 }
  met.watch.enter(after, [SECOND, FIRST])
  t.strictSame(met.changes, [{ from: { ...SERVER, position: 140 }, to: after }])
  met.watch.note({ generation: 60, position: 1 })
  met.watch.note({ generation: 60, position: 1 })
  t.equal(met.watch.epoch, 2, 'one is suspected once')
  met.watch.note({ generation: 50, position: 1 })
  t.equal(met.watch.epoch, 2)
})
