// What will happen in a chaos run, drawn from its seed before it begins.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Faults } from '../../src/simulator/faults.ts'
import { Chance, type Span } from '../simulation/chance.ts'
import type { PhaseBounds } from '../simulation/simulated-processor.ts'
import { drawStep } from './clocks.ts'
import { drawSwitches, FAULT_KINDS, type FaultName, type Place } from './fault-kinds.ts'
import { drawNameTrouble, type NameTrouble } from './names.ts'
import { drawTrouble, type PostgresTrouble } from './postgres-troubles.ts'
import { drawProxyConduct, type ProxyConduct } from './proxy.ts'

export interface PlannedFault {
  readonly name: FaultName
  readonly place: Place
  /** From the start of the load, ms. */
  readonly atMs: number
  readonly lastsMs: number
  /** Index of the instance that it hits; of no meaning elsewhere. */
  readonly instance: number
  /** Processors that it hits; empty elsewhere. */
  readonly processors: readonly ProcessorName[]
  /** What these simulators are told. */
  readonly switches: Partial<Faults> | undefined
  /** How the proxies before them behave. */
  readonly conduct: ProxyConduct | undefined
  /** What is the matter with their names. */
  readonly nameTrouble: NameTrouble | undefined
  /** What PostgreSQL does. */
  readonly trouble: PostgresTrouble | undefined
  /** How far a clock is set, ms; of no meaning elsewhere. */
  readonly stepMs: number
  /** Decides what chance decides while it lasts. */
  readonly seed: number
}

export interface PlanRequest {
  readonly seed: number
  /** Length of the load, ms. */
  readonly durationMs: number
  readonly faults: readonly FaultName[]
  readonly instances: number
  /** What Pit was told of processors. */
  readonly bounds: PhaseBounds
}

/** Nothing happens before this, ms: the load has begun, circuits have seen good answers. */
const FIRST_AT_MS = 1500

/** From the end of a fault to the next one of its place, ms. */
const RESTS_MS: Readonly<Record<Place, Span>> = {
  instances: [2000, 5000],
  postgres: [4000, 14_000],
  redis: [2000, 6000],
  processors: [300, 2000],
  operators: [4000, 10_000],
}

/**
 * Faults begin for this long, ms, and then pause for this long, so that the backlog is worked off:
 * under faults without an end it would never become empty.
 */
const FAULTY_MS = 90_000
const QUIET_MS = 30_000

/** After a fault that lasts for minutes its place has no fault for as long again. */
const LONG_MS = 60_000

/** Time that a fault takes besides its length: processes start and are waited for, ms. */
const OVERHEAD_MS: Readonly<Record<FaultName, number>> = {
  ...(Object.fromEntries(Object.keys(FAULT_KINDS).map((name) => [name, 100])) as Record<
    FaultName,
    number
  >),
  kill: 2000,
  'kill-all': 2500,
  'kill-draining': 2500,
  rolling: 5000,
  'order-drain': 3500,
  'order-pause': 4000,
  'order-open': 2000,
  'order-closed': 2000,
  'postgres-stop': 1500,
  'postgres-kill': 1500,
  'redis-stop': 500,
}

/**
 * Draws the faults in order of time, all of them over within the load. Each place goes through all
 * of its faults, in an order of the seed's, before it begins anew; those that last for minutes come
 * seldom, and drawn ones, which are each time another, often.
 */
export function drawPlan(request: PlanRequest): readonly PlannedFault[] {
  const chance = new Chance(request.seed)
  const places = Object.keys(RESTS_MS) as readonly Place[]
  return places
    .flatMap((place) => drawPlace(place, request, chance.branch(place.length)))
    .toSorted((one, other) => one.atMs - other.atMs)
}

function drawPlace(place: Place, request: PlanRequest, chance: Chance): readonly PlannedFault[] {
  const names = request.faults.filter((name) => FAULT_KINDS[name].place === place)
  if (names.length === 0) return []
  const order = new FaultOrder(names, { durationMs: request.durationMs, chance })
  const faults: PlannedFault[] = []
  for (let atMs = FIRST_AT_MS + chance.between([0, 3000]); ;) {
    const faultsNow = drawAt(order, request, { chance, atMs }).map(outOfQuietTimes)
    const endMs = Math.max(...faultsNow.map(endOf))
    if (endMs > request.durationMs) return faults
    faults.push(...faultsNow)
    const longestMs = Math.max(...faultsNow.map(({ lastsMs }) => lastsMs))
    atMs = endMs + chance.between(RESTS_MS[place]) + (longestMs >= LONG_MS ? longestMs : 0)
  }
}

/** Postpones a fault that would reach into a quiet time; one that lasts for minutes may. */
function outOfQuietTimes(fault: PlannedFault): PlannedFault {
  const from = Math.floor(fault.atMs / (FAULTY_MS + QUIET_MS)) * (FAULTY_MS + QUIET_MS)
  const ends = fault.lastsMs >= LONG_MS ? fault.atMs : endOf(fault)
  if (ends <= from + FAULTY_MS) return fault
  return { ...fault, atMs: from + FAULTY_MS + QUIET_MS + (fault.atMs % 1000) }
}

/** When a fault is over and what it stopped works again, ms from the start of the load. */
export function endOf({ name, atMs, lastsMs }: PlannedFault): number {
  return atMs + lastsMs + OVERHEAD_MS[name]
}

interface Moment {
  readonly chance: Chance
  readonly atMs: number
}

/** One fault, or one for each processor at the same time. */
function drawAt(order: FaultOrder, request: PlanRequest, moment: Moment): readonly PlannedFault[] {
  const { chance, atMs } = moment
  const name = order.next(atMs)
  const first = drawFault(name, request, moment)
  if (first.place !== 'processors') return [first]
  if (hitsBoth(name)) return [{ ...first, processors: ['default', 'fallback'] }]
  const target = chance.pick<ProcessorName>(['default', 'default', 'fallback'])
  const alone: PlannedFault = { ...first, processors: [target] }
  if (chance.happens(0.5)) return [alone]
  const second = drawFault(order.next(atMs), request, moment)
  if (hitsBoth(second.name)) return [{ ...second, processors: ['default', 'fallback'] }]
  return [alone, { ...second, processors: [target === 'default' ? 'fallback' : 'default'] }]
}

function drawFault(name: FaultName, request: PlanRequest, { chance, atMs }: Moment): PlannedFault {
  return {
    name,
    place: FAULT_KINDS[name].place,
    atMs: Math.round(atMs),
    lastsMs: Math.round(chance.between(FAULT_KINDS[name].lastsMs)),
    instance: chance.below(request.instances),
    processors: [],
    switches: drawSwitches(name, chance),
    conduct: name.startsWith('proxy') ? drawProxyConduct(chance, request.bounds) : undefined,
    nameTrouble: name === 'name' ? drawNameTrouble(chance) : undefined,
    trouble: drawTrouble(name, chance),
    stepMs: drawStep(chance),
    seed: chance.below(2 ** 32),
  }
}

function hitsBoth(name: FaultName): boolean {
  return name.startsWith('both-gone') || name === 'proxy-both'
}

/** How often a fault comes in a round; once where nothing else is said. */
const TIMES: Partial<Readonly<Record<FaultName, number>>> = {
  proxy: 6,
  'proxy-both': 2,
  name: 2,
  'postgres-refuse': 3,
}

/** Faults that last for minutes come in one round of so many. */
const LONG_EVERY = 2

/** A long fault is drawn only when this many of its lengths are left of the load. */
const LENGTHS_LEFT = 3

/** The order of the faults of one place: all of them, as the seed decides, before one comes again. */
export class FaultOrder {
  readonly #names: readonly FaultName[]
  readonly #brief: readonly FaultName[]
  readonly #durationMs: number
  readonly #chance: Chance
  #left: FaultName[] = []
  #rounds = 0

  /** @param load.durationMs of the load, ms. */
  constructor(names: readonly FaultName[], load: { durationMs: number; chance: Chance }) {
    this.#names = names.flatMap((name) => new Array<FaultName>(TIMES[name] ?? 1).fill(name))
    this.#brief = this.#names.filter((name) => longest(name) <= LONG_MS)
    this.#durationMs = load.durationMs
    this.#chance = load.chance
  }

  /** @param atMs when the fault begins, from the start of the load. */
  next(atMs: number): FaultName {
    for (;;) {
      if (this.#left.length === 0) this.#shuffle()
      const [name] = this.#left.splice(this.#chance.below(this.#left.length), 1)
      if (name === undefined) throw new Error('there is no fault to draw')
      const neededMs = longest(name) <= LONG_MS ? 0 : LENGTHS_LEFT * longest(name)
      if (this.#brief.length === 0 || atMs + neededMs <= this.#durationMs || neededMs === 0)
        return name
    }
  }

  #shuffle(): void {
    const isLong = this.#brief.length === 0 || this.#rounds % LONG_EVERY === 1
    this.#left = [...(isLong ? this.#names : this.#brief)]
    this.#rounds += 1
  }
}

function longest(name: FaultName): number {
  return FAULT_KINDS[name].lastsMs[1]
}
