// Answers that processors never give and others before them do: what becomes of the payments.

import t, { type Test } from 'tap'
import type { ChargeAnswer, LookUpAnswer } from '../../src/actors/model/ports.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { chargeAnswer, lookUpAnswer } from '../../src/infra/processor/wire.ts'
import { Chance } from './chance.ts'
import { correlationIdOf } from './postings.ts'
import { setScene, type Scene } from './scene.ts'

const NAMES: readonly ProcessorName[] = ['default', 'fallback']

/** The answer to a charge that a status without a body is. */
const refusal = (status: number): ChargeAnswer =>
  chargeAnswer({ kind: 'answered', status, text: '', isCached: false })

/** The answer to a look-up that this 404 is. */
const notFound = (text: string): LookUpAnswer =>
  lookUpAnswer({ kind: 'answered', status: 404, text, isCached: false }, '')

/** All settled, each at one processor; returns where. */
function settledAt(t: Test, { rows }: Scene, ids: readonly string[]): Set<unknown> {
  const found = rows(ids)
  t.same(new Set(found.map((row) => row?.state)), new Set(['settled']))
  return new Set(found.map((row) => row?.processor))
}

for (const status of [301, 401, 403, 404, 405]) {
  t.test(`a gateway that answers ${status} to every charge rejects no payment`, async (t) => {
    const scene = await setScene()
    scene.front = { charge: () => refusal(status) }

    const ids = await scene.post(40)
    await scene.pass(4000)
    const meanwhile = scene.rows(ids).filter((row) => row?.state !== 'open')
    scene.front = {}
    await scene.pass(20_000)

    t.same(meanwhile, [])
    settledAt(t, scene, ids)
    t.equal(scene.world.violation, undefined)
  })
}

t.test(
  'a gateway that answers 404 at once opens its circuit, and all payments settle at the other processor',
  async (t) => {
    const scene = await setScene()
    scene.front = { charge: (name) => (name === 'default' ? refusal(404) : undefined) }

    const ids = await scene.post(60)
    await scene.pass(20_000)

    t.same(settledAt(t, scene, ids), new Set(['fallback']))
    t.ok(scene.lines.some((line) => /circuit\.changed default closed open/.test(line)))
    t.equal(scene.world.violation, undefined)
  },
)

const PAGES = [
  ['with a page', '<html>404</html>'],
  ['without a body', ''],
] as const

for (const [form, text] of PAGES) {
  t.test(
    `what was recorded and answered 500 is paid once while look-ups meet a foreign 404 ${form}`,
    async (t) => {
      const scene = await setScene()
      await scene.post(20)
      await scene.pass(1000)
      const isLying = (name: ProcessorName): boolean => name === 'default'
      scene.front = {
        answer: (name, answer) => (isLying(name) ? { kind: 'failed', detail: 'http 500' } : answer),
        lookUp: (name) => (isLying(name) ? notFound(text) : undefined),
      }

      const ids = await scene.post(40)
      await scene.pass(1200)
      scene.front = {}
      await scene.pass(3 * scene.settleByMs)

      settledAt(t, scene, ids)
      t.equal(scene.world.violation, undefined)
    },
  )
}

t.test('without a control a 404 after a 500 is believed at the settle-by deadline', async (t) => {
  const scene = await setScene()
  scene.front = {
    answer: (name, answer) =>
      name === 'default' ? { kind: 'failed', detail: 'http 500' } : answer,
    lookUp: (name) => (name === 'default' ? notFound('') : undefined),
  }

  const ids = await scene.post(4)
  await scene.pass(0.8 * scene.settleByMs)
  const meanwhile = scene.rows(ids).filter((row) => row?.state !== 'open')
  scene.front = {}
  await scene.pass(3 * scene.settleByMs)

  t.same(meanwhile, [], 'nothing is charged again before it')
  t.same(settledAt(t, scene, ids), new Set(['default']))
  t.equal(scene.world.violation, undefined)
})

t.test('a payment is not sent again for ever to a processor that answers 500 to all', async (t) => {
  const scene = await setScene(0, 20_000)
  scene.front = {
    charge: (name) => (name === 'default' ? { kind: 'failed', detail: 'http 500' } : undefined),
  }

  const ids = await scene.post(4)
  await scene.pass(1.5 * scene.settleByMs)

  t.same(settledAt(t, scene, ids), new Set(['fallback']))
  t.equal(scene.world.violation, undefined)
})

t.test('a storm of 500s fails over when the look-ups’ lag is over', async (t) => {
  const scene = await setScene(0)
  await scene.post(20)
  await scene.pass(1000)
  let lookUps = 0
  scene.front = {
    charge: (name) => (name === 'default' ? { kind: 'failed', detail: 'http 500' } : undefined),
    lookUp: (name) => {
      if (name === 'default') lookUps += 1
      return undefined
    },
  }

  const beganAt = scene.world.virtualTime.now()
  const ids = await scene.post(1)
  await scene.pass(6000)

  const [row] = scene.rows(ids)
  t.match(row, { state: 'settled', processor: 'fallback' })
  t.equal(lookUps, 3, 'one, between two controls')
  const [charged] = scene.lines.filter((line) => /charge fallback p21/.test(line))
  const tookMs = Number(charged?.trim().split(' ')[0]) - beganAt
  const { lookUpLagMs } = scene.world.settings.configured.work
  t.ok(tookMs < 1.1 * lookUpLagMs + 30, `${tookMs} ms`)
})

const LIES = [
  ['another amount', 'amount', { amountCents: 99 }],
  ['an instant that was never sent', 'instant', { requestedAt: 1_735_600_000_000 }],
] as const

for (const [what, kind, change] of LIES) {
  t.test(`a payment found with ${what} is not booked, told once, and settles after`, async (t) => {
    const scene = await setScene()
    const id = correlationIdOf(1)
    const entry = { correlationId: id, amountCents: 100, requestedAt: 0, at: 0, ...change }
    scene.world.servers.default.ledger.set(id, entry)

    const ids = await scene.post(1)
    await scene.pass(2.5 * scene.settleByMs)
    const [meanwhile] = scene.rows(ids)
    const status = await scene.status(id)
    scene.world.servers.default.ledger.delete(id)
    await scene.pass(4 * scene.settleByMs)

    t.equal(meanwhile?.state, 'open')
    const told = scene.lines.filter((line) => line.includes('payment.contradicted'))
    t.equal(told.filter((line) => line.includes('default')).length >= 1, true)
    t.match(status, {
      state: 'confirming',
      unknownOutcomes: [{ processor: 'default', contradiction: { kind, ...change } }],
      attempts: [{ outcome: 'known', contradiction: { kind, ...change } }],
    })
    settledAt(t, scene, ids)
  })
}

t.test('another payment found under the id is a contradiction', async (t) => {
  const scene = await setScene()
  const foreignId = correlationIdOf(77)
  const found = { kind: 'found', amountCents: 100, requestedAt: 0, foreignId } as const
  scene.front = {
    charge: () => ({ kind: 'inDoubt', detail: 'timeout' }),
    lookUp: () => found,
  }

  const [id = ''] = await scene.post(1)
  await scene.pass(2.5 * scene.settleByMs)
  const status = await scene.status(id)

  t.match(status, {
    state: 'confirming',
    unknownOutcomes: [{ contradiction: { kind: 'id', correlationId: foreignId } }],
  })
  t.equal(scene.lines.filter((line) => line.includes('payment.contradicted')).length, 1)
  t.equal(scene.lines.filter((line) => / charge (?:default|fallback) p1 /.test(line)).length, 0)
})

t.test(
  'a processor that answers 422 to everything opens its circuit, and its payments move on',
  async (t) => {
    const scene = await setScene()
    const isKnown = { kind: 'known', detail: 'http 422' } as const
    scene.front = { charge: (name) => (name === 'default' ? isKnown : undefined) }

    const ids = await scene.post(39)
    await scene.pass(3 * scene.settleByMs)

    t.same(settledAt(t, scene, ids), new Set(['fallback']))
    const opened = scene.lines.findIndex((line) =>
      /circuit\.changed default closed open/.test(line),
    )
    t.ok(opened > 0)
    const contradicted = scene.lines.findIndex((line) => line.includes('payment.contradicted'))
    t.ok(contradicted === -1 || opened < contradicted, 'a run of them is enough for the circuit')
    t.equal(scene.world.violation, undefined)
  },
)

t.test('a payment denied by one processor settles at the other at once', async (t) => {
  const scene = await setScene()
  const poison = correlationIdOf(3)
  scene.front = {
    charge: (name, id) => (name === 'default' && id === poison ? refusal(400) : undefined),
  }

  const ids = await scene.post(12)
  await scene.pass(500)

  t.same(
    scene.rows(ids).map((row) => row?.processor),
    ids.map((id) => (id === poison ? 'fallback' : 'default')),
  )
  t.notOk(scene.lines.some((line) => /circuit\.changed/.test(line)))
})

t.test('a payment denied by both processors is rejected once it is old enough', async (t) => {
  const scene = await setScene()
  const { rejectAfterMs, retryDelayMaxMs } = scene.world.settings.configured.work
  const poison = correlationIdOf(3)
  scene.front = { charge: (_, id) => (id === poison ? refusal(400) : undefined) }
  const states = (ids: readonly string[]) => scene.rows(ids).map((row) => row?.state)

  const ids = await scene.post(12)
  await scene.pass(rejectAfterMs - 20 * ids.length)
  const meanwhile = states(ids)
  await scene.pass(2 * retryDelayMaxMs)

  t.same(
    meanwhile,
    ids.map((id) => (id === poison ? 'open' : 'settled')),
  )
  t.same(
    states(ids),
    ids.map((id) => (id === poison ? 'rejected' : 'settled')),
  )
  const attempts = (await scene.status(poison))?.attempts.map(({ processor }) => processor)
  t.same(attempts?.slice(-2), NAMES, 'both were asked once more')
})

for (const [which, share] of [
  ['every charge', 1],
  ['half of all charges', 0.5],
] as const) {
  t.test(`a gateway that answers 400 to ${which} for seconds rejects no payment`, async (t) => {
    const scene = await setScene()
    const chance = new Chance(1)
    scene.front = { charge: () => (chance.happens(share) ? refusal(400) : undefined) }

    const ids: string[] = []
    for (let second = 0; second < 8; second += 1) {
      ids.push(...(await scene.post(3)))
      await scene.pass(940)
    }
    const denials = scene.lines.filter((line) => /attempt\.ended \S+ \S+ denied/.test(line))
    const isDeniedBy = (name: ProcessorName, payment: number): boolean =>
      denials.some((line) => line.includes(` p${payment} ${name} `))
    const meanwhile = scene.rows(ids).filter((row) => row?.state === 'rejected')
    scene.front = {}
    await scene.pass(20_000)

    const isDenied = ids.some((_, index) => NAMES.every((name) => isDeniedBy(name, index + 1)))
    t.ok(isDenied, 'both have denied one')
    t.same(meanwhile, [])
    settledAt(t, scene, ids)
    t.equal(scene.world.violation, undefined)
  })
}

t.test('a denied payment waits in the retry queue while the other processor is down', async (t) => {
  const scene = await setScene()
  const down: ChargeAnswer = { kind: 'refused', detail: 'ECONNREFUSED' }
  scene.front = { charge: (name) => (name === 'default' ? refusal(400) : down) }

  const ids = await scene.post(1)
  await scene.pass(10_000)
  const [meanwhile] = scene.rows(ids)
  const charges = scene.lines.filter((line) => /attempt\.ended p1 default denied/.test(line))
  scene.front = {}
  await scene.pass(20_000)

  t.equal(meanwhile?.state, 'open')
  t.ok(charges.length < 20, `asked again ${charges.length} times`)
  settledAt(t, scene, ids)
})

t.test('a payment goes back to its denier when the other one leaves it in doubt', async (t) => {
  const scene = await setScene()
  const unread: ChargeAnswer = { kind: 'inDoubt', detail: 'answer too long' }
  let denials = 0
  scene.front = {
    charge: (name) =>
      name === 'fallback' ? unread : (denials += 1) === 1 ? refusal(400) : undefined,
  }

  const ids = await scene.post(1)
  await scene.pass(10 * scene.settleByMs)

  t.same(settledAt(t, scene, ids), new Set(['default']))
  t.equal(scene.world.violation, undefined)
})

t.test('400s to everything are the processor’s failure and give up no payment', async (t) => {
  const scene = await setScene()
  scene.front = { charge: (name) => (name === 'default' ? refusal(400) : undefined) }
  const ids = await scene.post(40)
  await scene.pass(10_000)
  t.same(settledAt(t, scene, ids), new Set(['fallback']))
  t.ok(scene.lines.some((line) => /circuit\.changed default closed open/.test(line)))

  scene.front = { charge: () => refusal(400) }
  const later = await scene.post(40)
  await scene.pass(4000)
  const rejected = scene.rows(later).filter((row) => row?.state === 'rejected')
  scene.front = {}
  await scene.pass(20_000)

  t.same(rejected, [])
  settledAt(t, scene, later)
})
