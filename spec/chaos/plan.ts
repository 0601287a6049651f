// What will happen in a chaos run, drawn from its seed before it begins.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Faults } from '../../src/simulator/faults.ts'
import { Chance, type Span } from '../simulation/chance.ts'
import { Deck } from './deck.ts'
import { FAULT_KINDS, drawSwitches, type FaultName, type Place } from './fault-kinds.ts'

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
}

export interface PlanRequest {
  readonly seed: number
  /** Length of the load, ms. */
  readonly durationMs: number
  readonly faults: readonly FaultName[]
  readonly instances: number
}

/** Nothing happens before this, ms: the load has begun, circuits have seen good answers. */
const FIRST_AT_MS = 1500

/** From the end of a fault to the next one of its place, ms. */
const RESTS_MS: Readonly<Record<Place, Span>> = {
  instances: [2000, 5000],
  postgres: [4000, 14_000],
  redis: [2000, 6000],
  processors: [300, 2000],
}

/**
 * Storms of this length, ms, with a calm after each, so that what has piled up is worked off: under
 * faults without an end a backlog has none either.
 */
const STORM_MS = 90_000
const CALM_MS = 30_000

/** After a fault that lasts for minutes its place rests as long again. */
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
  'postgres-stop': 1500,
  'postgres-kill': 1500,
  'redis-stop': 500,
}

/**
 * Draws the faults in order of time, all of them over within the load. Each place goes through all
 * of its faults, in an order of the seed's, before it repeats one; those that last for minutes come
 * seldom.
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
  const deck = new Deck(names, { durationMs: request.durationMs, chance })
  const faults: PlannedFault[] = []
  for (let atMs = FIRST_AT_MS + chance.between([0, 3000]); ;) {
    const slot = drawSlot(deck, request, { chance, atMs }).map(outOfCalms)
    const endMs = Math.max(...slot.map(endOf))
    if (endMs > request.durationMs) return faults
    faults.push(...slot)
    const longestMs = Math.max(...slot.map(({ lastsMs }) => lastsMs))
    atMs = endMs + chance.between(RESTS_MS[place]) + (longestMs >= LONG_MS ? longestMs : 0)
  }
}

/** Puts off what would reach into a calm; whatever lasts for minutes goes on through them. */
function outOfCalms(fault: PlannedFault): PlannedFault {
  const storm = Math.floor(fault.atMs / (STORM_MS + CALM_MS)) * (STORM_MS + CALM_MS)
  const ends = fault.lastsMs >= LONG_MS ? fault.atMs : endOf(fault)
  if (ends <= storm + STORM_MS) return fault
  return { ...fault, atMs: storm + STORM_MS + CALM_MS + (fault.atMs % 1000) }
}

/** When a fault is over and what it stopped works again, ms from the start of the load. */
export function endOf({ name, atMs, lastsMs }: PlannedFault): number {
  return atMs + lastsMs + OVERHEAD_MS[name]
}

interface Slot {
  readonly chance: Chance
  readonly atMs: number
}

/** One fault, or one for each processor at the same time. */
function drawSlot(deck: Deck, request: PlanRequest, slot: Slot): readonly PlannedFault[] {
  const { chance, atMs } = slot
  const name = deck.deal(atMs)
  const first = drawFault(name, request, slot)
  if (first.place !== 'processors') return [first]
  if (hitsBoth(name)) return [{ ...first, processors: ['default', 'fallback'] }]
  const target = chance.pick<ProcessorName>(['default', 'default', 'fallback'])
  const alone: PlannedFault = { ...first, processors: [target] }
  if (chance.happens(0.5)) return [alone]
  const second = drawFault(deck.deal(atMs), request, slot)
  if (hitsBoth(second.name)) return [{ ...second, processors: ['default', 'fallback'] }]
  return [alone, { ...second, processors: [target === 'default' ? 'fallback' : 'default'] }]
}

function drawFault(name: FaultName, request: PlanRequest, { chance, atMs }: Slot): PlannedFault {
  return {
    name,
    place: FAULT_KINDS[name].place,
    atMs: Math.round(atMs),
    lastsMs: Math.round(chance.between(FAULT_KINDS[name].lastsMs)),
    instance: chance.below(request.instances),
    processors: [],
    switches: drawSwitches(name, chance),
  }
}

function hitsBoth(name: FaultName): boolean {
  return name.startsWith('both-gone')
}
