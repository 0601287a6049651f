// Processors that take charges and answer nothing: how many payments hang there, where the others are
// settled, and how soon a processor that works again gets them.

import t from 'tap'
import type { ChargeAnswer } from '../../src/actors/model/ports.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { setScene, type Scene } from './scene.ts'

type Conduct = ChargeAnswer | 'hangs' | undefined

/** Counts the charges of each processor by what became of them. */
interface Counts {
  readonly hung: Record<ProcessorName, number>
  readonly through: Record<ProcessorName, number>
}

/** From now on; `conduct` is asked with the number of each charge at its processor. */
function behave(scene: Scene, conduct: (name: ProcessorName, number: number) => Conduct): Counts {
  const counts = { hung: { default: 0, fallback: 0 }, through: { default: 0, fallback: 0 } }
  const numbers = { default: 0, fallback: 0 }
  scene.front = {
    charge(name) {
      numbers[name] += 1
      const answer = conduct(name, numbers[name])
      if (answer === 'hangs') counts.hung[name] += 1
      else if (answer === undefined) counts.through[name] += 1
      return answer
    },
  }
  return counts
}

const REFUSED: ChargeAnswer = { kind: 'refused', detail: 'http 429' }

function settled(scene: Scene, ids: readonly string[]): number {
  return scene.rows(ids).filter((row) => row?.state === 'settled').length
}

/** One whose processors have settled payments before. */
async function atWork(): Promise<Scene> {
  const scene = await setScene(100, 20_000, 100)
  scene.timeOutMs = 8000
  await scene.post(50)
  return scene
}

t.test(
  'while one processor hangs and the other refuses three of ten, the other settles',
  async (t) => {
    const scene = await atWork()
    const { hung } = behave(scene, (name, number) => {
      if (name === 'default') return 'hangs'
      return number % 10 < 3 ? REFUSED : undefined
    })

    const ids = await scene.post(200)

    t.ok(settled(scene, ids) > 150, `${settled(scene, ids)} of 200 in 4 s`)
    t.ok(hung.default < 16, `${hung.default} hang`)
    t.equal(scene.world.violation, undefined)
  },
)

t.test('after both have hung, what comes next is settled within two seconds', async (t) => {
  const scene = await atWork()
  const { hung } = behave(scene, () => 'hangs')
  await scene.post(150)
  const { default: first, fallback: second } = hung
  t.ok(first + second < 75, `${first} and ${second} of 150 hang in 3 s`)

  const { through } = behave(scene, () => undefined)
  const next = await scene.post(50)
  await scene.pass(1000)

  t.equal(settled(scene, next), 50)
  t.ok(through.default > 50)
  t.equal(scene.world.violation, undefined)
})

t.test('a processor that answers one of ten charges gets few more', async (t) => {
  const scene = await atWork()
  const { hung } = behave(scene, (name, number) => {
    return name === 'default' && number % 10 !== 0 ? 'hangs' : undefined
  })

  const ids = await scene.post(200)

  t.ok(hung.default < 16 + 8, `${hung.default} hang`)
  t.ok(settled(scene, ids) > 160, `${settled(scene, ids)} of 200 in 4 s`)
  t.equal(scene.world.violation, undefined)
})

t.test('the cheaper processor has its payments back two seconds after it hung', async (t) => {
  const scene = await atWork()
  const before = behave(scene, (name) => (name === 'default' ? 'hangs' : undefined))
  await scene.post(150)
  t.ok(before.through.fallback > 100)

  behave(scene, () => undefined)
  await scene.pass(1000)
  await scene.post(50)
  const after = behave(scene, () => undefined)
  const ids = await scene.post(50)
  await scene.pass(500)

  t.equal(settled(scene, ids), 50)
  t.equal(after.through.fallback, 0)
  t.equal(scene.world.violation, undefined)
})
