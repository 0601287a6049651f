// What a circuit tells of itself, and when its cooldown ends.

import t from 'tap'
import { createActor, fromCallback } from 'xstate'
import type { HealthEvent } from '../../../src/actors/circuit/context.ts'
import {
  createHealth,
  processorHealthMachine,
  providedHealth,
} from '../../../src/actors/circuit/processor-health.machine.ts'
import { CacheUnavailable } from '../../../src/actors/model/errors.ts'
import type { CircuitCache } from '../../../src/actors/model/ports.ts'
import { settled, startActorSystem } from '../../support/actor-system.ts'
import { SETTINGS } from '../../support/circuit-settings.ts'
import { scriptedPort } from '../../support/scripted-port.ts'
import { WALL_START } from '../../support/standing-time.ts'

/** A circuit of `default`, closed since 0. */
function start(random = 0.5) {
  const system = startActorSystem()
  const cache = scriptedPort<CircuitCache>()
  const parts = { ports: system.ports, circuitCache: cache.port, random: () => random }
  const input = { processor: 'default', settings: SETTINGS, now: 0 } as const
  const actor = system.start(providedHealth(parts), input)
  const { clock } = system
  return {
    ...system,
    cache,
    state: () => actor.getSnapshot().value,
    /** The processor says whether it fails, this many ms later. */
    probe(failing: boolean, ms: number) {
      clock.increment(ms)
      actor.send({ type: 'probe.answered', failing, minResponseMs: 0, at: clock.now() })
    },
    hold(held: Extract<HealthEvent, { type: 'hold.changed' }>['held']) {
      actor.send({ type: 'hold.changed', held, at: clock.now() })
    },
  }
}

t.test('a change of state is told with what was before it and why; a start is none', async (t) => {
  const { clock, facts, probe, hold } = start()
  t.same(facts, [])

  probe(true, 10)
  clock.increment(50)
  hold({ to: 'open', cause: 'paused by ana: late' })

  const type = 'circuit.changed'
  const processor = 'default'
  t.same(facts, [
    { type, processor, from: 'closed', to: 'open', cause: 'probe says failing' },
    { type, processor, from: 'open', to: 'halfOpen', cause: 'cooldown over' },
    { type, processor, from: 'halfOpen', to: 'heldOpen', cause: 'paused by ana: late' },
  ])
})

t.test('other instances are told each state as the route goes by it', async (t) => {
  const { cache, probe, hold } = start()
  probe(true, 10)
  hold({ to: 'closed', cause: 'held by ana: late' })

  for (const [state, ms] of [
    ['closed', 0],
    ['open', 10],
    ['closed', 10],
  ] as const) {
    const call = await cache.called('publishCircuit')
    t.same(call.args, [{ processor: 'default', state, since: WALL_START + ms }])
    call.fail(new CacheUnavailable('publishCircuit'))
  }
  await settled()
  t.pass('a cache that is away is no failure of the circuit')
})

t.test('a cooldown lasts half to one and a half times as long as it is set', async (t) => {
  for (const [random, ms] of [
    [0, 25],
    [0.5, 50],
    [1, 75],
  ] as const) {
    const { clock, state, probe } = start(random)
    probe(true, 10)
    clock.increment(ms - 1)
    t.equal(state(), 'open', `${ms} ms`)
    clock.increment(1)
    t.equal(state(), 'halfOpen', `${ms} ms`)
  }
})

t.test('payments are told of a change once, and of nothing that changes no state', async (t) => {
  const system = startActorSystem()
  const circuitCache = scriptedPort<CircuitCache>().port
  const parent = system.start(
    fromCallback(() => undefined),
    undefined,
  )
  const input = { processor: 'default', settings: SETTINGS, now: 0 } as const
  const parts = { ports: system.ports, circuitCache, random: () => 0.5 }
  const circuit = createHealth(parts, { parent, id: 'circuit', input }).start()
  const probe = (failing: boolean, at: number): void =>
    circuit.send({ type: 'probe.answered', failing, minResponseMs: at, at })

  probe(false, 1)
  t.same(system.sentEvents, [])
  for (const at of [2, 3, 4]) probe(true, at)

  t.equal(circuit.getSnapshot().value, 'open')
  t.same(system.sentEvents, [{ to: 'payments', event: { type: 'circuit.changed' } }])
})

t.test('a circuit that nobody gave its effects ends at its start and names the one', async (t) => {
  const input = { processor: 'default', settings: SETTINGS, now: 0 } as const
  const circuit = createActor(processorHealthMachine, { input })
  circuit.subscribe({ error: () => undefined })

  circuit.start()

  const { status, error } = circuit.getSnapshot()
  t.equal(status, 'error')
  t.match(error, { message: /announceCircuit closed was not provided/ })
})
