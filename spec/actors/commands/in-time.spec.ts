// How soon an instance obeys what operators have ordered: the looks for the dead, which count commands,
// and the reading of those, on one clock.

import t from 'tap'
import type { HealthEvent } from '../../../src/actors/circuit/context.ts'
import { commandsMachine } from '../../../src/actors/commands/commands.machine.ts'
import type { Hold } from '../../../src/actors/model/operator.ts'
import { takeoverMachine } from '../../../src/actors/ownership/takeover.machine.ts'
import { settled, startActorSystem } from '../../support/actor-system.ts'
import type { Call } from '../../support/scripted-port.ts'

const PAUSE: Hold = {
  processor: 'default',
  command: 1,
  kind: 'pause',
  to: 'open',
  by: 'ana',
  reason: 'late',
  endsInMs: null,
}

/** Between two looks of the spec, ms. */
const STEP_MS = 25

/** What PostgreSQL takes for each call, ms; it answers with what it had when it was asked. */
const CALL_MS = 150

/** Within which an order is obeyed, ms. */
const BOUND_MS = 1000

/** How long after its commit a pause is obeyed that is committed at this instant, ms. */
async function obeyedAfter(committedAt: number): Promise<number> {
  const system = startActorSystem(['payments', 'commands'])
  const { ports, ledger, clock, sentEvents } = system
  const told: HealthEvent[] = []
  const circuit = {
    send: (event: HealthEvent) => void told.push(event),
    getSnapshot: () => ({ value: 'closed' }) as const,
  }
  const health = { default: circuit, fallback: circuit }
  const onRead = (): void => undefined
  const input = { ports, health, instanceId: 'here', onRead }
  const commands = system.start(commandsMachine, input)
  const bounds = { batchMax: 1, leaseTtlMs: 3_000, settleByMs: 4000 }
  system.start(takeoverMachine, { ports, instanceId: 'here', ...bounds })

  const underway: { call: Call; answer: object; at: number }[] = []
  for (let now = 0; now <= committedAt + 2 * BOUND_MS; now += STEP_MS) {
    const last = now > committedAt ? 1 : 0
    for (const name of ledger.waiting) {
      const call = await ledger.called(name as 'takeOver' | 'readOrders')
      const orders = { last, holds: last === 1 ? [PAUSE] : [], pending: [] }
      const answer = name === 'takeOver' ? { payments: [], leases: [], commands: last } : orders
      underway.push({ call, answer, at: now + CALL_MS })
    }
    for (const { call, answer, at } of underway) if (at === now) call.answer(answer)
    await settled()
    for (const { event } of sentEvents.splice(0)) commands.send(event as never)
    if (told.some((event) => event.type === 'hold.changed' && event.held?.to === 'open')) {
      return now - committedAt
    }
    clock.increment(STEP_MS)
    await settled()
  }
  return Number.POSITIVE_INFINITY
}

t.test('an order is obeyed within a second of its commit, whenever that is', async (t) => {
  const starts = 1000
  const all: number[] = []
  for (let phase = 0; phase < 1000; phase += STEP_MS) all.push(await obeyedAfter(starts + phase))

  t.ok(Math.max(...all) <= BOUND_MS, `${Math.max(...all)} ms at most`)
  t.ok(Math.min(...all) < Math.max(...all) - 400, 'the phase is what differs')
})
