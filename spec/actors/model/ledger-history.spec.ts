import t from 'tap'
import type { HistoryChange, ServerFacts } from '../../../src/actors/model/facts.ts'
import {
  HistoryWatch,
  ONE_HISTORY,
  type KnownBefore,
  type MetServer,
  type RecordedHistory,
} from '../../../src/actors/model/ledger-history.ts'

const FACTS: ServerFacts = { systemIdentifier: '7', timeline: 1, tables: '5/6' }
const SERVER: MetServer = { ...FACTS, renewals: new Map() }
const WRITTEN = { isReadIn: false, mark: '1' }
const FIRST: RecordedHistory = { ...FACTS, ...WRITTEN, generation: 0, ageMs: 1_000 }
const SECOND: RecordedHistory = { ...FIRST, timeline: 2, generation: 50, ageMs: 400 }
const NOTHING: KnownBefore = { own: undefined, shared: undefined }

function watching() {
  const changes: HistoryChange[] = []
  const clock = { at: 10, now: () => clock.at }
  const watch = new HistoryWatch({
    clock,
    run: 'mine',
    askMs: 1_000,
    landsForMs: 300,
    onChanged: (change) => changes.push(change),
  })
  return { watch, clock, changes }
}

/** With that many renewals of this run, and of another one. */
function having(mine: number, others = 0): MetServer {
  return {
    ...SERVER,
    renewals: new Map([
      ['mine', mine],
      ['other', others],
    ]),
  }
}

t.test('a server that differs in anything it tells is another one', async (t) => {
  const { watch } = watching()

  t.equal(watch.isOther(SERVER, [], NOTHING), true, 'none is written down')
  t.equal(watch.isOther(SERVER, [FIRST], NOTHING), false)
  t.equal(watch.isOther({ ...SERVER, systemIdentifier: '8' }, [FIRST], NOTHING), true)
  t.equal(watch.isOther({ ...SERVER, timeline: 2 }, [FIRST], NOTHING), true)
  t.equal(watch.isOther({ ...SERVER, tables: '5/7' }, [FIRST], NOTHING), true)
  t.equal(
    watch.isOther(SERVER, [{ ...FIRST, isReadIn: true }], NOTHING),
    true,
    'a dump was read in',
  )
  const silent = { ...SERVER, systemIdentifier: null, timeline: null, tables: null }
  t.equal(watch.isOther(silent, [FIRST], NOTHING), false, 'what is not told is not compared')
})

t.test('a server without a renewal that it is known to have is another one', async (t) => {
  const { watch } = watching()
  watch.enter(SERVER, [FIRST], NOTHING)
  watch.note({ generation: 0, count: 20 })
  const before = { own: watch.known, shared: undefined }

  t.equal(watch.isOther(having(19), [FIRST], before), true)
  t.equal(watch.isOther(having(20), [FIRST], before), false)
  t.equal(watch.isOther(SERVER, [FIRST], before), true, 'it has none of this run')
  const shared = { systemIdentifier: '7', generation: 0, run: 'other', count: 30 }
  t.equal(watch.isOther(having(20, 29), [FIRST], { ...before, shared }), true, 'Redis knows more')
  t.equal(watch.isOther(having(20, 30), [FIRST], { ...before, shared }), false)
  const strange = { ...shared, systemIdentifier: '8' }
  t.equal(watch.isOther(having(20), [FIRST], { ...before, shared: strange }), false)
  const later = { ...shared, generation: 9, count: 1 }
  t.equal(watch.isOther(having(20, 30), [FIRST], { ...before, shared: later }), true)
  watch.note({ generation: 0, count: 21 })
  t.equal(watch.isOther(having(20), [FIRST], before), false, 'it rises meanwhile')
  t.equal(watch.next([FIRST], { ...before, shared: later }), 10)
  const third = { ...FIRST, generation: 3 }
  t.equal(watch.isOther(having(0), [third], { ...before, shared }), false, 'an earlier history')
})

t.test('a ledger lacks what others say of it and it has not, once it was met', async (t) => {
  const { watch } = watching()
  const shared = { systemIdentifier: '7', generation: 0, run: 'other', count: 30 }
  t.equal(watch.lacks(shared, having(0, 29).renewals), false, 'none was met')

  watch.enter(SERVER, [FIRST], NOTHING)

  t.equal(watch.lacks(shared, having(0, 29).renewals), true)
  t.equal(watch.lacks(shared, having(0, 30).renewals), false)
  t.equal(watch.lacks({ ...shared, generation: 1 }, having(0, 30).renewals), true)
  t.equal(watch.lacks({ ...shared, systemIdentifier: '8' }, having(0, 29).renewals), false)
})

t.test('the first history of a ledger follows no other one, however young it is', async (t) => {
  const { watch, changes } = watching()

  watch.enter(SERVER, [{ ...FIRST, ageMs: 0 }], NOTHING)

  t.same([watch.doubtUntil(10), changes], [undefined, []])
})

t.test('what another history has is what counts from then on', async (t) => {
  const { watch, changes } = watching()
  watch.enter(SERVER, [FIRST], NOTHING)
  watch.note({ generation: 0, count: 20 })
  const before = { own: watch.known, shared: undefined }

  watch.enter(having(15), [{ ...FIRST, generation: 3 }, FIRST], before)

  t.match(changes, [{ renewalsLost: 5 }])
  t.equal(watch.known?.count, 15)
  t.equal(
    watch.isOther(having(15), [{ ...FIRST, generation: 3 }, FIRST], {
      ...before,
      own: watch.known,
    }),
    false,
  )
  t.equal(watch.isOther(having(20), [FIRST], { ...before, own: watch.known }), true, 'back again')
})

t.test('another history is asked about from the moment it is met', async (t) => {
  const { watch, clock, changes } = watching()
  watch.enter(SERVER, [FIRST], NOTHING)
  t.equal(watch.doubtUntil(10), undefined)

  clock.at = 20
  watch.enter({ ...SERVER, timeline: 2 }, [SECOND, FIRST], NOTHING)

  t.equal(watch.epoch, 1)
  t.equal(watch.doubtUntil(20), 320)
  t.equal(watch.doubtUntil(1_019), 320, 'whatever its age is by a clock that may be set')
  t.equal(watch.doubtUntil(1_020), undefined)
  t.match(changes, [{ from: { timeline: 1 }, to: { timeline: 2 } }])
})

t.test('a session that saw other rows has the ledger met anew, and once', async (t) => {
  const { watch, changes } = watching()
  watch.enter(SERVER, [FIRST], NOTHING)
  t.equal(watch.mark, '1')

  watch.suspect()
  watch.suspect()
  t.equal(watch.epoch, 1, 'several sessions see the same')
  watch.enter(SERVER, [{ ...FIRST, generation: 9, mark: '2' }, FIRST], NOTHING)

  t.equal(watch.epoch, 1)
  t.equal(watch.mark, '2')
  t.equal(changes.length, 1)
  watch.suspect()
  watch.enter(SERVER, [{ ...FIRST, generation: 9, mark: '3' }, FIRST], NOTHING)
  t.equal(watch.mark, '3', 'the same history, written anew by somebody')
  t.equal(changes.length, 1)
})

t.test('a table of histories that was emptied is another one to who knew it', async (t) => {
  const { watch } = watching()
  t.equal(watch.next([], NOTHING), 0, 'the first of a ledger')

  watch.enter(SERVER, [SECOND], NOTHING)

  t.equal(watch.next([], NOTHING), 51)
  const first = watching()
  first.watch.enter(SERVER, [FIRST], NOTHING)
  t.equal(first.watch.next([], NOTHING), 1)
})

t.test('an instance that starts asks for what is left', async (t) => {
  const { watch, changes } = watching()

  watch.enter({ ...SERVER, timeline: 2 }, [SECOND, FIRST], NOTHING)

  t.equal(watch.epoch, 0)
  t.equal(watch.doubtUntil(609), 310, 'nobody knows when the others met it')
  t.equal(watch.doubtUntil(610), undefined)
  t.equal(changes.length, 1)
})

t.test('a renewal tells of a history that somebody else has noticed', async (t) => {
  const { watch } = watching()
  watch.enter(SERVER, [FIRST], NOTHING)

  watch.note({ generation: 50, count: 90 })
  t.equal(watch.epoch, 1, 'no session is of it')
  watch.enter(SERVER, [SECOND, FIRST], NOTHING)
  t.equal(watch.epoch, 1)
  t.equal(watch.doubtUntil(10), 310)

  watch.note({ generation: 0, count: 500 })
  t.equal(watch.epoch, 1, 'a late answer is of before')
  t.equal(watch.known?.count, 0, 'and says nothing of this one')
  watch.enter(SERVER, [{ ...SECOND, generation: 60 }, SECOND], NOTHING)
  t.equal(watch.epoch, 2)
})

t.test('before the first session nothing is known, and nothing has changed', async (t) => {
  const { watch } = watching()

  t.strictSame([watch.epoch, watch.hasChanged, watch.known], [0, false, undefined])
  t.strictSame([ONE_HISTORY.epoch, ONE_HISTORY.hasChanged], [0, false])
  watch.note({ generation: 7, count: 120 })
  t.equal(watch.epoch, 0, 'there is nothing that it could end')
  watch.suspect()
  t.equal(watch.epoch, 1, 'a suspicion ends whatever there is')
  watch.enter(SERVER, [], NOTHING)
  t.equal(watch.known, undefined, 'none is written down')
  watch.enter(SERVER, [FIRST], NOTHING)
  t.strictSame(watch.known, { systemIdentifier: '7', generation: 0, run: 'mine', count: 0 })
  t.equal(watch.hasChanged, false)
  watch.enter(SERVER, [{ ...FIRST, generation: 1 }, FIRST], NOTHING)
  t.equal(watch.hasChanged, true)
})

t.test('the latest renewal of the history is known', async (t) => {
  const { watch } = watching()
  watch.enter(SERVER, [FIRST], NOTHING)
  watch.note({ generation: 0, count: null })
  t.equal(watch.known?.count, 0)
  watch.note({ generation: 0, count: 10 })
  for (const [generation, count, expected] of [
    [0, 13, 13],
    [0, 12, 13],
    [0, null, 13],
    [9, 99, 13],
  ] as const) {
    watch.note({ generation, count })
    t.equal(watch.known?.count, expected)
  }
})

t.test('what only one side tells is not compared', async (t) => {
  const { watch } = watching()
  const before = NOTHING
  const untold = { ...FIRST, systemIdentifier: null, timeline: null, tables: null }

  t.equal(watch.isOther(SERVER, [untold], before), false)
})

t.test('the next generation is above each that anybody knows', async (t) => {
  const { watch } = watching()
  const shared = { systemIdentifier: '7', generation: 9, run: 'other', count: 0 }
  const before = NOTHING

  t.equal(watch.next([], { ...before, shared }), 0, 'the first one')
  t.equal(watch.next([FIRST], before), 1)
  t.equal(watch.next([SECOND], { ...before, shared }), 51)
  watch.enter(SERVER, [{ ...SECOND, generation: 70 }], NOTHING)
  t.equal(watch.next([FIRST], { ...before, shared }), 71)
})

t.test('a change is told once, from what was known, while it is asked for', async (t) => {
  const late = watching()
  late.watch.enter(SERVER, [{ ...SECOND, ageMs: 1_000 }, FIRST], NOTHING)
  t.same(late.changes, [], 'the time for it is over')

  const ahead = watching()
  ahead.watch.enter(SERVER, [{ ...SECOND, ageMs: -5_000 }], NOTHING)
  t.equal(ahead.watch.doubtUntil(1_009), 310)
  t.equal(ahead.watch.doubtUntil(1_010), undefined, 'no longer than it is set to')
  const nothing = { systemIdentifier: null, timeline: null, tables: null }
  t.strictSame(ahead.changes, [{ from: nothing, to: FACTS, renewalsLost: 0 }])

  const first = watching()
  first.watch.enter(SERVER, [SECOND, FIRST], NOTHING)
  t.strictSame(first.changes, [{ from: FACTS, to: FACTS, renewalsLost: 0 }])
  const zero = watching()
  zero.watch.enter(SERVER, [{ ...SECOND, ageMs: 0 }], NOTHING)
  t.equal(zero.watch.doubtUntil(1_009), 310)
  t.equal(zero.watch.doubtUntil(1_010), undefined)

  const met = watching()
  met.watch.enter(SERVER, [FIRST], NOTHING)
  met.watch.note({ generation: 0, count: 140 })
  const after = { ...SERVER, timeline: 2 }
  met.watch.enter(after, [SECOND], { own: met.watch.known, shared: undefined })
  t.strictSame(met.changes, [{ from: FACTS, to: { ...FACTS, timeline: 2 }, renewalsLost: 140 }])
  met.watch.note({ generation: 60, count: 1 })
  met.watch.note({ generation: 60, count: 1 })
  t.equal(met.watch.epoch, 2, 'one is suspected once')
  met.watch.note({ generation: 50, count: 1 })
  t.equal(met.watch.epoch, 2)
})
