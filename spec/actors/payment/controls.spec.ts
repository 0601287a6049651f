import t from 'tap'
import type { LookUpAnswer } from '../../../src/actors/model/ports.ts'
import { CONTROL_PAUSE_MS, type AbsenceProof } from '../../../src/actors/payment/controls.ts'
import { controlled, FOUND, MIXED_UP_MS, OLD_MS, setScene } from './controls-under-test.ts'

t.test(
  'a look-up that may prove an absence waits for a control, and is asked even if that fails',
  async (t) => {
    for (const answer of [FOUND, { kind: 'missing' }, { kind: 'failed', detail: '' }] as const) {
      const scene = setScene()
      const first = scene.begin()
      const second = scene.begin()

      t.same(scene.asked, ['first'], 'one control for both')
      t.same([first.begun, second.begun], [false, false])
      scene.answer(answer)
      t.same([first.begun, second.begun], [true, true], answer.kind)
    }
  },
)

t.test(
  'a look-up that begins when a control was answered has that control before it',
  async (t) => {
    const scene = setScene()
    scene.begin()
    scene.answer(FOUND)

    const proofs = scene.missing()
    scene.clock.increment(CONTROL_PAUSE_MS)
    scene.answer(FOUND)

    t.same(proofs, ['control'])
  },
)

t.test('a missing payment is proved between two controls that were found', async (t) => {
  const scene = controlled()
  t.ok(scene.begin().begun, 'the control before it is fresh')

  const one = scene.missing()
  const other = scene.missing()
  t.same([one, other, scene.asked], [[], [], ['first']], 'both wait for the same control')
  scene.answer(FOUND)

  t.same([one, other], [['control'], ['control']])
  t.same(scene.asked, [])
})

t.test('a control that was asked before a look-up was answered does not follow it', async (t) => {
  const scene = controlled()
  const early = scene.missing()
  scene.clock.increment(1)
  const late = scene.missing()

  scene.answer(FOUND)
  t.same([early, late], [['control'], []])
  scene.clock.increment(CONTROL_PAUSE_MS)
  scene.answer(FOUND)
  t.same([early, late], [['control'], ['control']], 'each is told once')
})

t.test('controls are asked only while look-ups wait for them, one at a time', async (t) => {
  const scene = controlled()
  const first = scene.missing()
  scene.clock.increment(5 * CONTROL_PAUSE_MS)
  const second = scene.missing()
  scene.clock.increment(5 * CONTROL_PAUSE_MS)
  t.same(scene.asked, ['first'], 'the one that has no answer yet')

  scene.answer(FOUND)
  t.same(scene.asked, ['first'], 'another one for the look-up that came after it')
  scene.answer(FOUND)
  scene.clock.increment(5 * CONTROL_PAUSE_MS)

  t.same([first, second], [['control'], ['control']], 'each is told once')
  t.same(scene.asked, [], 'and none for nobody')
})

t.test('controls keep a pause, so that a storm of look-ups shares them', async (t) => {
  t.equal(CONTROL_PAUSE_MS, 10)
  const scene = controlled()
  scene.missing()
  scene.answer(FOUND)
  scene.clock.increment(CONTROL_PAUSE_MS - 1)
  const proofs = scene.missing()
  scene.missing()
  t.same(scene.asked, [])

  scene.clock.increment(1)
  t.same(scene.asked, ['first'])
  scene.answer(FOUND)
  t.same(proofs, ['control'])
})

t.test('a control that is not found proves nothing, and no older one does', async (t) => {
  const foreign: LookUpAnswer = { ...FOUND, foreignId: 'another' }
  for (const answer of [{ kind: 'missing' }, { kind: 'foreign', detail: '' }, foreign] as const) {
    const scene = controlled()
    const waiting = scene.missing()
    scene.answer(answer)

    t.same(waiting, ['none'], answer.kind)
    t.same(scene.missing(), ['none'])
    t.notOk(scene.begin().begun, 'the next look-up waits for a control again')
  }
})

t.test(
  'a control that fails proves nothing, and the one before it still backs look-ups',
  async (t) => {
    const scene = controlled()
    const waiting = scene.missing()
    scene.answer({ kind: 'failed', detail: 'http 503' })
    t.same([waiting, scene.failed], [['none'], ['first: http 503']])

    t.ok(scene.begin().begun)
    const proofs = scene.missing()
    scene.clock.increment(CONTROL_PAUSE_MS)
    scene.answer(FOUND)
    t.same(proofs, ['control'])
  },
)

t.test('answers about other payments than before take the proof away for a while', async (t) => {
  const scene = controlled()
  const waiting = scene.missing()
  scene.controls.noteForeign('asked', 'another')
  t.same(waiting, ['none'])
  scene.answer(FOUND)
  scene.clock.increment(CONTROL_PAUSE_MS)

  const askBetweenControls = (): readonly AbsenceProof[] => {
    scene.begin()
    scene.clock.increment(CONTROL_PAUSE_MS)
    if (scene.asked.length > 0) scene.answer(FOUND)
    const proofs = scene.missing()
    scene.clock.increment(CONTROL_PAUSE_MS)
    if (scene.asked.length > 0) scene.answer(FOUND)
    return proofs
  }
  t.same(askBetweenControls(), ['none'])
  scene.clock.increment(MIXED_UP_MS - 5 * CONTROL_PAUSE_MS)
  t.same(askBetweenControls(), ['none'])
  t.same(askBetweenControls(), ['control'])

  scene.controls.noteForeign('asked', 'another')
  t.same(askBetweenControls(), ['control'], 'the same one again is what the processor has')
  scene.controls.noteForeign('asked', 'a third one')
  t.same(askBetweenControls(), ['none'])
})

t.test(
  'a control that is answered about another payment tells that answers are mixed up',
  async (t) => {
    const scene = controlled()
    scene.missing()
    scene.answer({ ...FOUND, foreignId: 'another' })
    scene.clock.increment(CONTROL_PAUSE_MS)
    scene.begin()
    scene.answer(FOUND)
    scene.clock.increment(CONTROL_PAUSE_MS)

    t.same(scene.missing(), ['none'])
  },
)

t.test('a control that is answered about the same other payment again is none', async (t) => {
  const scene = controlled()
  for (let times = 0; times < 2; times += 1) {
    scene.clock.increment(5_001)
    scene.begin()
    scene.answer({ ...FOUND, foreignId: 'another' })
  }

  t.same(scene.missing(), ['none'], 'long after answers were mixed up')
})

t.test('the last thousand answers about other payments are remembered', async (t) => {
  const scene = setScene('unknown')
  /** Whether it says nothing new that this payment's answer is about that other one. */
  const isRemembered = (id: string, foreignId = 'another'): boolean => {
    scene.clock.increment(MIXED_UP_MS)
    scene.controls.noteForeign(id, foreignId)
    return scene.missing()[0] !== 'none'
  }
  for (let id = 0; id < 1_000; id += 1) scene.controls.noteForeign(String(id), 'another')

  scene.controls.noteForeign('500', 'a third one')
  t.same([isRemembered('500', 'a third one'), isRemembered('0')], [true, true])
  scene.controls.noteForeign('1000', 'another')
  t.same([isRemembered('1000'), isRemembered('1'), isRemembered('0')], [true, true, false])
})

t.test('while answers are mixed up their form proves nothing either', async (t) => {
  const scene = setScene('unknown')
  const waiting = scene.missing()
  scene.controls.noteForeign('asked', 'another')
  t.same([waiting, scene.missing()], [['none'], ['none']])
  scene.tell({ kind: 'none' })

  scene.clock.increment(MIXED_UP_MS)
  const proofs = scene.missing()
  scene.tell({ kind: 'none' })
  t.same(proofs, ['form'])
})

t.test('each control asks for one of the four newest payments, by chance', async (t) => {
  const scene = setScene()
  for (const id of ['second', 'third', 'fourth', 'fifth']) {
    scene.controls.noteRecorded(id, scene.clock.now())
    scene.clock.increment(OLD_MS)
  }
  for (const [value, id] of [
    [0, 'second'],
    [0.5, 'fourth'],
    [0.99, 'fifth'],
  ] as const) {
    scene.choice.value = value
    scene.begin()
    t.same(scene.asked, [id])
    scene.answer({ kind: 'failed', detail: '' })
    scene.clock.increment(CONTROL_PAUSE_MS)
  }
})

t.test('a payment that is not found is asked for no more, nor are older ones', async (t) => {
  const scene = setScene()
  for (const id of ['second', 'third']) {
    scene.controls.noteRecorded(id, scene.clock.now())
    scene.clock.increment(OLD_MS)
  }
  for (const [value, id] of [
    [0.5, 'second'],
    [0, 'third'],
    [0, 'third'],
  ] as const) {
    scene.choice.value = value
    scene.begin()
    t.same(scene.asked, [id], 'but for the newest, until there is a newer one')
    scene.answer({ kind: 'missing' })
    scene.clock.increment(CONTROL_PAUSE_MS)
  }
  scene.controls.noteRecorded('fourth', scene.clock.now())
  scene.clock.increment(OLD_MS)
  scene.choice.value = 0.99
  scene.begin()
  t.same(scene.asked, ['fourth'])
})

t.test('that a control is missing is told, once a minute', async (t) => {
  const scene = setScene()
  const askAfter = (ms: number, answer: LookUpAnswer): void => {
    scene.clock.increment(ms)
    scene.begin()
    scene.answer(answer)
  }

  askAfter(CONTROL_PAUSE_MS, { kind: 'failed', detail: '' })
  t.same(scene.told, [], 'a failure says nothing of what is recorded')
  askAfter(CONTROL_PAUSE_MS, { kind: 'missing' })
  askAfter(60_000 - CONTROL_PAUSE_MS, { kind: 'missing' })
  t.same(scene.told, ['first'])
  askAfter(CONTROL_PAUSE_MS, { kind: 'missing' })
  t.same(scene.told, ['first', 'first'])
})

t.test('a foreign answer in between takes the proof away', async (t) => {
  const scene = controlled()
  const waiting = scene.missing()
  scene.controls.distrust()
  t.same(waiting, ['none'])

  scene.answer(FOUND)
  t.same(scene.missing(), ['none'], 'that control was asked before it')
  scene.begin()
  scene.clock.increment(CONTROL_PAUSE_MS)
  scene.answer(FOUND)
  scene.clock.increment(CONTROL_PAUSE_MS)
  const again = scene.missing()
  scene.answer(FOUND)
  t.same(again, ['control'])
  t.same(waiting, ['none'], 'what was said before is not said anew')
})

t.test('a control backs look-ups for 5 s', async (t) => {
  const scene = controlled()
  scene.clock.increment(5000 - CONTROL_PAUSE_MS)
  t.ok(scene.begin().begun)
  t.same(scene.missing(), [])
  scene.clock.increment(0.001)

  t.same(scene.missing(), ['none'])
})

t.test('a control that is answered after a look-up was asked does not precede it', async (t) => {
  const scene = setScene()
  const askedAt = scene.clock.now()
  scene.begin()
  scene.clock.increment(1)
  scene.answer(FOUND)
  const proofs: AbsenceProof[] = []

  scene.controls.judge(askedAt, (proof) => proofs.push(proof))

  t.same(proofs, ['none'])
})

t.test(
  'a payment recorded a moment ago is no control, and the form proves nothing then',
  async (t) => {
    const scene = setScene('unknown')
    scene.controls.noteRecorded('young', scene.clock.now())
    scene.clock.increment(OLD_MS - 2)
    t.ok(scene.begin().begun)
    t.same(scene.missing(), ['none'])
    t.same(scene.questions, [], 'the ledger need not be asked')

    scene.clock.increment(2)
    t.same(scene.missing(), ['none'], 'from here on controls are asked')
    scene.begin()
    t.same(scene.asked, ['young'])
  },
)

t.test('the control is the newest payment that every look-up has by now', async (t) => {
  const scene = setScene()
  for (const id of ['second', 'third', 'fourth']) {
    scene.controls.noteRecorded(id, scene.clock.now())
    scene.clock.increment(OLD_MS / 2)
  }
  scene.begin()

  t.same(scene.asked, ['second'])
})

t.test('a payment that was recorded just now leaves the older control in its place', async (t) => {
  const scene = controlled()
  scene.controls.noteRecorded('young', scene.clock.now())

  const proofs = scene.missing()
  t.same(scene.asked, ['first'])
  scene.answer(FOUND)

  t.same(proofs, ['control'])
})

t.test('a control that a purge overtakes says nothing of what is recorded after it', async (t) => {
  const scene = controlled()
  scene.missing()
  scene.controls.forget()
  scene.controls.noteRecorded('second', scene.clock.now())
  scene.clock.increment(OLD_MS)

  const lookUp = scene.begin()
  t.same(scene.asked, ['first', 'second'])
  scene.answer(FOUND)
  t.notOk(lookUp.begun, 'the answer from before the purge')
  scene.answer(FOUND)
  t.ok(lookUp.begun)
})

t.test('no control is asked after a purge, whether it was due or its payment young', async (t) => {
  const scene = controlled()
  scene.missing()
  scene.answer(FOUND)
  scene.missing()
  scene.controls.noteRecorded('young', scene.clock.now())

  scene.controls.forget()
  scene.clock.increment(OLD_MS)

  t.ok(scene.begin().begun)
  t.same(scene.asked, [])
})

t.test('a purge leaves no payment to ask for', async (t) => {
  const scene = controlled()
  const waiting = scene.missing()
  const starting = setScene()
  const begun = starting.begin()

  scene.controls.forget()
  starting.controls.forget()

  t.same(waiting, ['none'])
  t.ok(begun.begun)
  scene.answer(FOUND)
  const after = scene.missing()
  scene.tell({ kind: 'none' })
  t.same(after, ['form'])
})
