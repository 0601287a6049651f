// A CPU profile of the first Pit of a world, begun and ended by signals, as its dearest functions.

import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { waitUntil } from '../layout/wait.ts'
import type { Note } from './command.ts'
import { selfTimes, type CpuProfile } from './profile.ts'
import type { World } from './world.ts'

/** For the profile to be written, ms. */
const WRITTEN_WITHIN_MS = 30_000
/** How many functions of a profile are reported. */
const PLACES_TOLD = 40

/** One profile of one process: it can be begun and ended once. */
export interface PitProfile {
  /** For the process that will be profiled. */
  readonly environment: Readonly<Record<string, string>>
  begin(world: World): void
  end(world: World, note: Note): Promise<CpuProfile>
}

/** In `folder`, which is made where it is missing, named after what ran meanwhile. */
export function pitProfile(folder: string, name: string): PitProfile {
  mkdirSync(folder, { recursive: true })
  const file = resolve(join(folder, `pit-${name}-${Date.now()}.cpuprofile`))
  const preload = new URL('./preload-profiler.js', import.meta.url).href
  const signal = (world: World): void => world.layout.pits[0]?.kill('SIGUSR2')
  return {
    environment: { NODE_OPTIONS: `--import=${preload}`, PIT_PROFILE: file },
    begin: signal,
    async end(world, note) {
      signal(world)
      const profile = await written(file)
      tellPlaces(profile, note)
      note(`profile in ${file}`)
      return profile
    },
  }
}

async function written(file: string): Promise<CpuProfile> {
  let profile: CpuProfile | undefined
  await waitUntil({ what: `the profile ${file}`, withinMs: WRITTEN_WITHIN_MS }, () => {
    profile = readProfile(file)
    return profile !== undefined
  })
  if (profile === undefined) throw new Error(`bench: no profile in ${file}`)
  return profile
}

/** Undefined while it is not there, or not there as a whole. */
function readProfile(file: string): CpuProfile | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as CpuProfile
  } catch {
    // It is still being written.
    return undefined
  }
}

function tellPlaces(profile: CpuProfile, note: Note): void {
  for (const { place, ms, percent } of selfTimes(profile, PLACES_TOLD)) {
    note(`${percent.toFixed(1).padStart(5)} % ${ms.toFixed(1).padStart(8)} ms  ${place}`)
  }
}
