// Where few payments come: how many of them are charged in vain while the other processor works.

import t from 'tap'
import type { ChargeAnswer } from '../../src/actors/model/ports.ts'
import { setScene } from './scene.ts'

const FAILED: ChargeAnswer = { kind: 'inDoubt', detail: 'http 500' }

/** Posts so many payments, three a second; the cheaper processor fails. */
async function failingAtThreeASecond(payments: number) {
  const scene = await setScene(0, 20_000, 100)
  await scene.post(50)
  let inVain = 0
  scene.front = {
    charge(name) {
      if (name !== 'default') return undefined
      inVain += 1
      return FAILED
    },
  }
  for (let number = 0; number < payments; number += 1) {
    await scene.post(1)
    await scene.pass(313)
  }
  return { scene, inVain }
}

t.test('few of the payments of an outage are charged in vain where few come', async (t) => {
  const { scene, inVain } = await failingAtThreeASecond(60)
  t.ok(inVain > 5 && inVain <= 20, `${inVain} of 60 in 20 s`)
  t.equal(scene.world.violation, undefined)
})
