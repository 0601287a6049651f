// What a circuit that an operator holds lets through, whatever its processor answers.

import t from 'tap'
import {
  circuitReleased,
  routeState,
  type HealthEvent,
} from '../../../src/actors/circuit/context.ts'
import { limitAt } from '../../../src/actors/circuit/limit.ts'
import { circuitAfter } from '../../support/circuit-after.ts'
import { SETTINGS } from '../../support/circuit-settings.ts'

function after(...events: readonly HealthEvent[]) {
  const snapshot = circuitAfter(...events)
  const { value, context } = snapshot
  return { value, context, limit: limitAt(value, context, 1_000), route: routeState(value) }
}

const held = (to: 'open' | 'closed' | null, at = 10): HealthEvent => ({
  type: 'hold.changed',
  held: to === null ? null : { to, cause: 'paused by ana: late' },
  at,
})
const failing: HealthEvent = { type: 'probe.answered', failing: true, minResponseMs: 5, at: 5 }
const failed: HealthEvent = {
  type: 'attempt.reported',
  failed: true,
  detail: 'http 500',
  tookMs: 1,
  at: 20,
}

t.test('a circuit that is held open lets nothing through, and says who holds it', async (t) => {
  const circuit = after(held('open'))

  t.match(circuit, { value: 'heldOpen', limit: 0, route: 'open' })
  t.match(circuit.context, { cause: 'paused by ana: late', since: 10 })
})

t.test('a circuit that is held closed lets all through, however it fails', async (t) => {
  const many = Array.from({ length: 100 }, () => failed)
  const circuit = after(failing, held('closed'), ...many)

  t.match(circuit, { value: 'heldClosed', limit: SETTINGS.concurrency, route: 'closed' })
  t.match(circuit.context, { cause: 'paused by ana: late', since: 10 })
})

t.test(
  'an order that is told by what the one before it made is told what it really meets',
  async (t) => {
    for (const orders of [[held('open')], [held('closed')], [failing], []]) {
      const { value } = after(...orders)
      t.equal(after(...orders, held(null)).value, circuitReleased(value))
    }
  },
)

t.test('a half-open circuit that is held closed lets all through at once', async (t) => {
  const cooled: HealthEvent = { type: 'cooldown.elapsed', opening: 1, at: 8 }

  t.match(after(failing, cooled), { value: 'halfOpen', limit: 1 })
  t.match(after(failing, cooled, held('closed')), { limit: SETTINGS.concurrency })
})

t.test('a circuit that was held goes by its own processor, not by what others say', async (t) => {
  const elsewhere: HealthEvent = { type: 'opening.reported', at: 600 }

  t.equal(after(elsewhere).value, 'open')
  t.equal(after(held('closed'), held(null, 500), elsewhere).value, 'closed')
})

t.test('a circuit that is no longer held open begins with few charges', async (t) => {
  const circuit = after(held('open'), held(null, 500))

  t.match(circuit, { value: 'halfOpen', limit: 1 })
  t.match(circuit.context, { cause: 'no longer held', since: 500 })
})

t.test('a circuit that is no longer held closed goes by its processor again', async (t) => {
  const many = Array.from({ length: 100 }, () => failed)
  const calm = after(held('closed'), ...many, held(null, 500))
  t.match(calm, { value: 'closed', limit: SETTINGS.concurrency })
  t.equal(calm.context.cause, 'no longer held')

  const since = many.map((event) => ({ ...event, at: 600 }))
  t.equal(after(held('closed'), held(null, 500), ...since).value, 'open')
})

t.test('a cooldown from before a hold ends nothing', async (t) => {
  const over: HealthEvent = { type: 'cooldown.elapsed', opening: 1, at: 300 }
  const trips = { ...failing, at: 800 }
  const circuit = after(failing, held('open'), held(null, 500), trips, over)

  t.equal(circuit.value, 'open')
})
