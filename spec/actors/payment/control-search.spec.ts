// What the ledger knows of payments that controls could ask for, and what that proves.

import t from 'tap'
import { CONTROL_AGE_MAX_MS, CONTROL_PAUSE_MS } from '../../../src/actors/payment/controls.ts'
import { SEARCH_PAUSE_MS } from '../../../src/actors/payment/control-search.ts'
import { controlled, FOUND, OLD_MS, setScene } from './controls-under-test.ts'

t.test('the form backs a look-up if the ledger, asked after it, knows no payment', async (t) => {
  const scene = setScene('unknown')
  t.ok(scene.begin().begun, 'the look-up itself does not wait')
  scene.clock.increment(1)

  const early = scene.missing()
  scene.clock.increment(1)
  const late = scene.missing()
  t.same([early, scene.questions.length], [[], 1], 'the ledger is asked already')
  scene.tell({ kind: 'none' })
  t.same([early, late], [[], []], 'that question came before them')

  scene.clock.increment(SEARCH_PAUSE_MS - 2)
  t.equal(scene.questions.length, 1, 'one question for both')
  scene.tell({ kind: 'none' })
  t.same([early, late], [['form'], ['form']])
})

t.test('a question to the ledger that a look-up asks for itself backs it', async (t) => {
  const scene = setScene('unknown')
  const proofs = scene.missing()

  scene.tell({ kind: 'none' })

  t.same(proofs, ['form'])
})

for (const answer of [
  { kind: 'gone' },
  { kind: 'unavailable' },
  { kind: 'found', correlationId: 'a' },
] as const) {
  t.test(
    `nothing backs a look-up while the answer of the ledger is "${answer.kind}"`,
    async (t) => {
      const scene = setScene('unknown')
      const proofs = scene.missing()

      scene.tell(answer)

      t.same(proofs, ['none'])
    },
  )
}

t.test('nothing backs a look-up after which this instance settles a payment', async (t) => {
  const scene = setScene('unknown')
  const proofs = scene.missing()

  scene.controls.noteRecorded('own', scene.clock.now())
  scene.tell({ kind: 'none' })

  t.same(proofs, ['none'])
})

t.test('what the ledger has settled is the control once every look-up has it', async (t) => {
  const scene = setScene('unknown')
  scene.controls.prepare()
  scene.clock.increment(1)
  scene.tell({ kind: 'found', correlationId: 'old' })

  scene.clock.increment(OLD_MS - 2)
  t.ok(scene.begin().begun, 'it may have been settled when it was found')
  t.same(scene.missing(), ['none'])
  scene.clock.increment(2)
  t.notOk(scene.begin().begun)
  t.same(scene.asked, ['old'])
  scene.answer(FOUND)
  scene.clock.increment(CONTROL_PAUSE_MS)
  const proofs = scene.missing()
  scene.answer(FOUND)

  t.same(proofs, ['control'])
  t.same(scene.questions, [], 'the ledger is not asked any more')
})

t.test('what this instance settles is the control before what the ledger has', async (t) => {
  const scene = setScene('unknown')
  scene.controls.prepare()
  scene.controls.noteRecorded('own', scene.clock.now())
  scene.clock.increment(OLD_MS - 2)

  scene.tell({ kind: 'found', correlationId: 'old' })
  scene.clock.increment(2)

  scene.begin()
  t.same(scene.asked, ['own'])
})

t.test('the ledger is asked ahead of need once, and one question at a time', async (t) => {
  const scene = setScene('unknown')
  scene.controls.prepare()
  scene.controls.prepare()
  scene.begin()
  scene.clock.increment(2 * SEARCH_PAUSE_MS)
  scene.controls.prepare()
  scene.missing()
  t.equal(scene.questions.length, 1, 'until it has answered')

  scene.tell({ kind: 'unavailable' })
  t.equal(scene.questions.length, 1, 'who waits is answered by another question')
  scene.tell({ kind: 'unavailable' })
  scene.controls.prepare()
  scene.clock.increment(SEARCH_PAUSE_MS - 1)
  scene.controls.prepare()
  t.equal(scene.questions.length, 0, 'not at once after it has failed')
  scene.clock.increment(1)
  scene.controls.prepare()
  t.equal(scene.questions.length, 1)
  scene.tell({ kind: 'none' })
  scene.clock.increment(SEARCH_PAUSE_MS)
  scene.controls.prepare()
  t.equal(scene.questions.length, 0, 'it has answered')
})

t.test('questions to the ledger keep a pause, however many look-ups find nothing', async (t) => {
  const scene = setScene('unknown')
  scene.missing()
  scene.tell({ kind: 'unavailable' })

  const proofs = [scene.missing()]
  scene.clock.increment(SEARCH_PAUSE_MS - 1)
  proofs.push(scene.missing())
  scene.controls.prepare()
  t.equal(scene.questions.length, 0, 'four a second at most')
  scene.clock.increment(1)
  t.equal(scene.questions.length, 1)
  scene.tell({ kind: 'none' })

  t.same(proofs, [['form'], ['form']])
  scene.clock.increment(10 * SEARCH_PAUSE_MS)
  t.equal(scene.questions.length, 0, 'and none for nobody')
  scene.missing()
  scene.clock.increment(2 * SEARCH_PAUSE_MS)
  scene.tell({ kind: 'none' })
  t.equal(scene.questions.length, 0, 'nor after an answer that came late')
})

t.test('a pause after a question the next one is asked at once, and none before', async (t) => {
  for (const [afterMs, questions] of [
    [SEARCH_PAUSE_MS - 1, 0],
    [SEARCH_PAUSE_MS, 1],
  ] as const) {
    const scene = setScene('unknown')
    scene.missing()
    scene.tell({ kind: 'none' })
    scene.clock.increment(afterMs)

    scene.missing()

    t.equal(scene.questions.length, questions)
  }
})

t.test('a question that nobody waits for any more is not asked, and the next one is', async (t) => {
  const scene = setScene('unknown')
  scene.missing()
  scene.tell({ kind: 'none' })
  scene.missing()

  scene.controls.distrust()
  scene.clock.increment(2 * SEARCH_PAUSE_MS)
  t.equal(scene.questions.length, 0)

  scene.missing()
  t.equal(scene.questions.length, 1)
})

t.test('what the ledger answers is told once to each who waits', async (t) => {
  const scene = setScene('unknown')
  const first = scene.missing()
  scene.clock.increment(1)
  const second = scene.missing()
  scene.tell({ kind: 'none' })
  t.same([first, second], [['form'], []])

  scene.clock.increment(SEARCH_PAUSE_MS)
  scene.tell({ kind: 'none' })
  const third = scene.missing()
  scene.controls.forget()

  t.same([first, second, third], [['form'], ['form'], ['none']])
})

t.test('after a purge the ledger is asked ahead of need again', async (t) => {
  const scene = setScene('unknown')
  scene.controls.prepare()
  scene.clock.increment(1)
  scene.tell({ kind: 'none' })
  scene.controls.forget()
  scene.clock.increment(SEARCH_PAUSE_MS)

  scene.controls.prepare()
  t.equal(scene.questions.length, 1)
})

t.test('a payment that the ledger finds answers also who has asked meanwhile', async (t) => {
  const scene = setScene('unknown')
  scene.controls.prepare()
  scene.clock.increment(1)
  const proofs = scene.missing()

  scene.tell({ kind: 'found', correlationId: 'old' })

  t.same(proofs, ['none'])
  scene.clock.increment(2 * SEARCH_PAUSE_MS)
  t.equal(scene.questions.length, 0)
})

t.test('who knows a control never asks the ledger', async (t) => {
  const scene = controlled()
  scene.controls.prepare()
  scene.begin()
  scene.missing()
  scene.answer({ kind: 'missing' })
  scene.clock.increment(CONTROL_AGE_MAX_MS + 1)
  scene.begin()
  scene.missing()

  t.same(scene.questions, [])
})

t.test('an answer of the ledger that a purge overtakes counts for nothing', async (t) => {
  for (const answer of [{ kind: 'none' }, { kind: 'found', correlationId: 'purged' }] as const) {
    const scene = setScene('unknown')
    const before = scene.missing()

    scene.controls.forget()
    t.same(before, ['none'])
    const after = scene.missing()
    scene.clock.increment(2 * SEARCH_PAUSE_MS)
    t.equal(scene.questions.length, 1, 'one at a time')
    scene.tell(answer)
    t.same(after, [], 'it was asked before the purge')
    scene.tell({ kind: 'none' })

    t.same(after, ['form'])
  }
})

t.test('a foreign answer takes the proof from the form as well', async (t) => {
  const scene = setScene('unknown')
  const proofs = scene.missing()

  scene.controls.distrust()
  scene.tell({ kind: 'none' })

  t.same(proofs, ['none'])
})
