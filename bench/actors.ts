// What an actor's life costs: CPU time and allocation, stock interpreter against compiled chart.
//
//   node build/bench/actors.js [--json FILE]

import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createActor } from 'xstate'
import type { ActorLogic, AnyActorRef, AnyActorScope, AnyStateMachine, Snapshot } from 'xstate'
import { compileChart } from '../src/actors/compiled-chart.ts'
import { stepChart } from './actor-chart.ts'
import type { StepEvent } from './actor-chart.ts'

const ALIVE = [100, 1000]
const LIVES_PER_ROUND = 20_000
const ROUNDS = 7
/** Few enough that most samples see no collection: an allocation is then the growth of the heap. */
const LIVES_PER_SAMPLE = 100
const SAMPLES = 200
/** What a life allocates does not depend on how many are alive. */
const ALIVE_IN_SAMPLE = 20

/** A life is a spawn, three events with an assign each, a final state and its done event. */
const LIFE: readonly StepEvent[] = [
  { type: 'payment.dispatched', at: 1_700_000_000_000 },
  { type: 'charge.settled', tookMs: 12 },
  { type: 'outcome.recorded' },
]

interface Result {
  readonly chart: 'stock' | 'compiled'
  readonly alive: number
  /** Process CPU time, user and system, of one life. */
  readonly cpuUsPerLife: number
  readonly bytesPerLife: number
  readonly livesPerSecond: number
}

const { values } = parseArgs({ options: { json: { type: 'string' } } })
const results = measureAll()
for (const result of results) process.stdout.write(`${describe(result)}\n`)
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ results }, null, 2))

function measureAll(): Result[] {
  const compiled = compileChart(stepChart)
  // Both charts warm the shared parts of XState, so that neither is measured cold.
  for (const machine of [stepChart, compiled]) openLives(machine, 100).live(LIVES_PER_ROUND)
  return ALIVE.flatMap((alive) => [
    measure({ chart: 'stock', machine: stepChart, alive }),
    measure({ chart: 'compiled', machine: compiled, alive }),
  ])
}

function measure(request: {
  chart: Result['chart']
  machine: AnyStateMachine
  alive: number
}): Result {
  const lives = openLives(request.machine, request.alive)
  lives.live(LIVES_PER_ROUND)
  const rounds = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage()
    const lived = lives.live(LIVES_PER_ROUND)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / lived
  })
  const few = openLives(request.machine, ALIVE_IN_SAMPLE)
  const samples = Array.from({ length: SAMPLES }, () => {
    const before = process.memoryUsage().heapUsed
    const lived = few.live(LIVES_PER_SAMPLE)
    return (process.memoryUsage().heapUsed - before) / lived
  })
  const cpuUs = median(rounds)
  return {
    chart: request.chart,
    alive: request.alive,
    cpuUsPerLife: Number(cpuUs.toFixed(1)),
    bytesPerLife: Math.round(median(samples.filter((bytes) => bytes > 0))),
    livesPerSecond: Math.round(1e6 / cpuUs),
  }
}

/**
 * A hand-written parent with `alive` slots; a child that is done makes room for the next.
 * `live` goes on for at least that many lives and returns how many have ended.
 */
function openLives(machine: AnyStateMachine, alive: number): { live(lives: number): number } {
  const slots: (AnyActorRef | undefined)[] = Array.from({ length: alive })
  let ended = 0
  const parent = createActor(
    parentLogic((slot) => {
      slots[slot] = undefined
      ended += 1
    }),
  ).start()
  const born = (slot: number): AnyActorRef =>
    createActor(machine, { parent, id: 'payment', input: { slot } }).start()
  return {
    live(lives) {
      const from = ended
      // Slots take turns event by event, so that lives overlap as they do under load.
      while (ended - from < lives) {
        for (let slot = 0; slot < alive; slot += 1) slots[slot] ??= born(slot)
        for (const event of LIFE) for (const actor of slots) actor?.send(event)
      }
      return ended - from
    },
  }
}

type Done = { readonly type: string; readonly output?: { readonly slot: number } }

function parentLogic(onDone: (slot: number) => void): ActorLogic<Snapshot<undefined>, Done> {
  return {
    transition(snapshot, event: Done, _scope: AnyActorScope) {
      if (event.output !== undefined) onDone(event.output.slot)
      return snapshot
    },
    getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}

function describe(result: Result): string {
  const { chart, alive, cpuUsPerLife, bytesPerLife, livesPerSecond } = result
  const costs = `${cpuUsPerLife} µs CPU, ${bytesPerLife} bytes, ${livesPerSecond} lives/s`
  return `${chart}, ${alive} alive: ${costs}`
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
