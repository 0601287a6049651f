// npm run bench:inspect: what Stately's inspector costs a whole Pit per payment, off, sampled and
// full, and with a viewer that reads nothing.

import { type ActorCase, measureActors } from './inspect/actor-case.ts'
import { type StreamViewer, watchStream } from './load/viewer.ts'
import { type Note, runBench } from './measure/command.ts'
import { text, whole } from './measure/flags.ts'
import { type LoadResult, loadSteadily } from './measure/payment-load.ts'
import { type PitProfile, pitProfile } from './measure/pit-profile.ts'
import { percentWithin } from './measure/profile.ts'
import type { Measured } from './measure/report.ts'
import { readUsage, usageBetween } from './measure/usage.ts'
import { type World, settles, startWorld } from './measure/world.ts'

interface Options {
  readonly seconds: number
  readonly warmupSeconds: number
  readonly perSecond: number
  readonly profile: string
}

interface Case {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  readonly reads?: 'everything' | 'nothing'
}

const FULL = { INSPECT: '1', INSPECT_SAMPLE: '1' }

/** The first is what the others are compared with. */
const CASES: readonly Case[] = [
  { name: 'Pit, off', env: {} },
  { name: 'Pit, on, nobody watches', env: { INSPECT: '1' } },
  { name: 'Pit, 1 in 100', env: { INSPECT: '1', INSPECT_SAMPLE: '100' }, reads: 'everything' },
  { name: 'Pit, every payment', env: FULL, reads: 'everything' },
  { name: 'Pit, every payment, viewer reads nothing', env: FULL, reads: 'nothing' },
]

/** The actors alone, with every port answered in memory. */
const ACTOR_CASES: readonly (ActorCase & { readonly name: string })[] = [
  { name: 'actors, off', oneIn: 0, livesPerRound: 1000, rounds: 100 },
  { name: 'actors, 1 in 100', oneIn: 100, reads: 'everything', livesPerRound: 1000, rounds: 100 },
  { name: 'actors, every payment', oneIn: 1, reads: 'everything', livesPerRound: 100, rounds: 60 },
  {
    name: 'actors, viewer reads nothing',
    oneIn: 1,
    reads: 'nothing',
    livesPerRound: 1000,
    rounds: 20,
  },
]

const CONNECTIONS = 256

/** Where inspection begins: what actors report goes through the one, what viewers get the other. */
const INSPECTION = ['dist/console/inspector-hook.js', 'dist/console/send-buffer.js']

/** A Pit that one case is measured on, in all its runs. */
interface Stage {
  readonly world: World
  readonly profile: PitProfile | undefined
  /** Loads so far; the viewer comes first in every other run. */
  runs: number
}

const stages = new Map<Case, Stage>()
/** CPU of the first case in the turn that is on, µs per payment; NaN when it was left out. */
let offUs = Number.NaN

try {
  await runBench({
    name: 'inspect',
    purpose:
      'CPU time of one whole Pit per payment at a steady rate, against simulators, PostgreSQL and Redis in\n' +
      'other processes, without limits: inspection off, on with nobody watching, one payment in 100 and\n' +
      'every payment with a viewer, and with a viewer that reads nothing. Each has a Pit that runs through\n' +
      'all turns, so that only the first one pays for warming up; the others are idle meanwhile. Two\n' +
      'processes differ by more than a viewer costs, so a Pit with a viewer is measured without it too,\n' +
      'alternately before and after: what is added is within the one process. Beside them the actors alone\n' +
      'with their ports answered in memory: what a viewer adds to a life, by rounds with and without one\n' +
      'in the same process, with quartiles.',
    runs: 9,
    flags: {
      seconds: whole({ fallback: 8, min: 1, max: 600, meaning: 'length of a load, s' }),
      warmupSeconds: whole({ fallback: 15, min: 0, max: 600, meaning: 'load before the first, s' }),
      perSecond: whole({ fallback: 500, min: 1, max: 20_000, meaning: 'payments/s' }),
      profile: text('FOLDER', 'where a CPU profile of each first run goes; it says the share, too'),
    },
    variants: (options) => [
      ...CASES.map((each) => ({
        name: each.name,
        measure: (note: Note) => measure(each, options, note),
      })),
      ...ACTOR_CASES.map((each) => ({ name: each.name, measure: () => measureActors(each) })),
    ],
  })
} finally {
  for (const { world } of stages.values()) await world.stop()
}

async function measure(each: Case, options: Options, note: Note): Promise<Measured> {
  const stage = stages.get(each) ?? (await open(each, options))
  const run = stage.runs
  stage.runs += 1
  const withoutViewer = async (): Promise<Loaded> => loadOnce(stage, undefined, options)
  const asNamed = async (): Promise<Loaded> => {
    const viewer = await watch(stage.world, each)
    const profile = run === 0 ? stage.profile : undefined
    profile?.begin(stage.world)
    try {
      const { us, figures } = await loadOnce(stage, viewer, options)
      const profiled = await profile?.end(stage.world, note)
      const profilePercent =
        profiled === undefined ? {} : { profilePercent: percentWithin(profiled, INSPECTION) }
      return { us, figures: { ...figures, ...profilePercent } }
    } finally {
      viewer?.leave()
    }
  }
  if (each.reads === undefined) {
    const { figures, us } = await asNamed()
    if (each === CASES[0]) offUs = us
    const ratio = Number.isNaN(offUs) ? {} : { ofOffPercent: (100 * us) / offUs }
    return { figures: { ...figures, ...ratio } }
  }
  const before = run % 2 === 0 ? await withoutViewer() : undefined
  const { figures, us } = await asNamed()
  const without = before ?? (await withoutViewer())
  return {
    figures: {
      ...figures,
      withoutViewerUs: without.us,
      addedUs: us - without.us,
      addedPercent: 100 * (us / without.us - 1),
    },
  }
}

interface Loaded {
  readonly figures: Readonly<Record<string, number>>
  /** CPU of the Pit, µs per payment. */
  readonly us: number
}

async function loadOnce(
  { world }: Stage,
  viewer: StreamViewer | undefined,
  { perSecond, seconds }: Options,
): Promise<Loaded> {
  const before = { payments: await world.stored(), bytes: viewer?.bytes ?? 0 }
  const start = readUsage(world.layout.parts)
  const result = await load(world, perSecond, seconds)
  await settles(world)
  const end = readUsage(world.layout.parts)
  const payments = (await world.stored()) - before.payments
  const pit = usageBetween({ start, end, payments })['pit-1'] ?? {}
  const us = pit['cpuUsPerPayment'] ?? Number.NaN
  const seen =
    viewer === undefined ? {} : { seenBytesPerPayment: (viewer.bytes - before.bytes) / payments }
  return {
    us,
    figures: {
      cpuUsPerPayment: us,
      ...seen,
      p50Ms: result.tally.latency.percentileMs(50),
      p99Ms: result.tally.latency.percentileMs(99),
      failed: result.tally.failed,
      memoryPeakMib: pit['memoryPeakMib'] ?? Number.NaN,
    },
  }
}

/** Starts and warms what the case needs. */
async function open(each: Case, options: Options): Promise<Stage> {
  const { profile: folder, perSecond, warmupSeconds } = options
  const name = each.name.replaceAll(/\W+/g, '-')
  const profile = folder === '' ? undefined : pitProfile(folder, name)
  const env = { ...each.env, ...profile?.environment }
  const world = await startWorld({ instances: 1, env })
  const stage = { world, profile, runs: 0 }
  stages.set(each, stage)
  await load(world, perSecond, warmupSeconds)
  await settles(world)
  return stage
}

async function watch(world: World, { reads }: Case): Promise<StreamViewer | undefined> {
  const opsUrl = world.layout.pits[0]?.opsUrl
  if (reads === undefined || opsUrl === undefined) return undefined
  return watchStream({ port: Number(new URL(opsUrl).port), path: '/inspect/ws', reads })
}

function load(world: World, perSecond: number, seconds: number): Promise<LoadResult> {
  const plan = { target: world.socket, seconds, connections: CONNECTIONS }
  return loadSteadily(plan, perSecond)
}
