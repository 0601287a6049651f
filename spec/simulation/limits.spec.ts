// Processors that take only so many charges at a time, and processors whose late answers come once
// they work again: where payments go, and how soon.

import t from 'tap'
import type { ChargeAnswer } from '../../src/actors/model/ports.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
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
