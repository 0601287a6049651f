// Processors that take only so many charges at a time, and processors whose late answers come once
// they work again: where payments go, and how soon.

import t from 'tap'
import type { ChargeAnswer } from '../../src/actors/model/ports.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { Chance } from './chance.ts'
import { setScene, type Scene } from './scene.ts'

const ONE_TOO_MANY: ChargeAnswer = { kind: 'refused', detail: 'http 429', isLimited: true }
const DOWN: ChargeAnswer = { kind: 'inDoubt', detail: 'http 503' }

function settled(scene: Scene, ids: readonly string[]): number {
  return scene.rows(ids).filter((row) => row?.state === 'settled').length
}

/** Both take so many at a time from now on; how many each took and refused. */
function limit(scene: Scene, most: number) {
  const out = { default: 0, fallback: 0 }
  const counts = { taken: { default: 0, fallback: 0 }, refused: { default: 0, fallback: 0 } }
  scene.front = {
    charge(name) {
      if (out[name] >= most) {
        counts.refused[name] += 1
        return ONE_TOO_MANY
      }
      out[name] += 1
      counts.taken[name] += 1
      return undefined
    },
    answer(name, answer) {
      out[name] -= 1
      return answer
    },
  }
  return counts
}

t.test('a backlog does not keep a processor with a limit from its payments', async (t) => {
  const scene = await setScene(100, 20_000, 100)
  await scene.post(50)
  scene.front = { charge: () => DOWN }
  const first = await scene.post(150)

  const { taken, refused } = limit(scene, 2)
  const next = await scene.post(100)
  await scene.pass(1000)

  t.equal(settled(scene, next), 100)
  t.ok(refused.default < taken.default, `${refused.default} refused, ${taken.default} taken`)
  await scene.pass(30_000)
  t.equal(settled(scene, first), 150)
  t.equal(scene.world.violation, undefined)
})

for (const most of [100, 2]) {
  t.test(`what hangs, of ${most} at a time, takes up no room of a narrowed circuit`, async (t) => {
    const scene = await setScene(100, 20_000, 100)
    scene.timeOutMs = 10_000
    scene.front = { charge: () => ONE_TOO_MANY }
    await scene.post(50)
    const narrow = limit(scene, 2)
    await scene.post(100)
    t.ok(narrow.taken.default > 50, 'it works, with few at a time')
    let slots = most
    scene.front = {
      charge(name) {
        if (name === 'fallback') return undefined
        slots -= 1
        return slots < 0 ? ONE_TOO_MANY : 'hangs'
      },
    }
    await scene.post(100)

    const { taken } = limit(scene, 2)
    await scene.pass(1500)
    await scene.post(100)

    t.ok(taken.default > 50, `${taken.default} taken, ${taken.fallback} at the dearer one`)
  })
}

const NOT_FOUND: ChargeAnswer = { kind: 'refused', detail: 'http 404' }

for (const refusal of [ONE_TOO_MANY, NOT_FOUND]) {
  t.test(`what some are refused at once by (${refusal.detail}) stops no slow ones`, async (t) => {
    const scene = await setScene(100, 20_000, 100)
    scene.timeOutMs = 400
    const chance = new Chance(1)
    scene.front = { charge: () => (chance.happens(0.3) ? refusal : 'late') }
    await scene.post(250)
    const next = await scene.post(250)
    await scene.pass(1500)

    t.equal(settled(scene, next), 250)
  })
}

t.test('late answers of before take no payments from a processor that works again', async (t) => {
  const scene = await setScene(100, 20_000, 100)
  await scene.post(50)
  scene.timeOutMs = 4000
  const through = { default: 0, fallback: 0 }
  const isLate = (name: ProcessorName): boolean => name === 'default'
  scene.front = { charge: (name) => (isLate(name) ? 'late' : undefined) }
  await scene.post(150)

  scene.front = {}
  await scene.pass(1500)
  await scene.post(50)
  scene.front = {
    charge(name) {
      through[name] += 1
      return undefined
    },
  }
  const ids = await scene.post(200)
  await scene.pass(100)

  t.equal(settled(scene, ids), 200)
  t.equal(through.fallback, 0)
  t.equal(scene.world.violation, undefined)
})
