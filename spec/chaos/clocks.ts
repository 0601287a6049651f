// Clocks of single processes that are set while they run: libfaketime moves their time of day, and
// leaves their monotonic clock alone, as a machine's clock that somebody sets.

import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Chance } from '../simulation/chance.ts'

/** Where distributions put it, below a folder of the machine's kind or beside the others. */
const FOLDERS: readonly string[] = [
  ...readdirSync('/usr/lib').map((name) => `/usr/lib/${name}/faketime`),
  '/usr/lib/faketime',
  '/usr/local/lib/faketime',
]

/** Path of libfaketime; undefined where it is not installed. */
export function findFaketime(): string | undefined {
  return FOLDERS.map((folder) => join(folder, 'libfaketime.so.1')).find((path) => existsSync(path))
}

/** Since when a clock was off by how much. */
export interface ClockSetting {
  /** By the machine's clock, epoch ms. */
  readonly fromMs: number
  readonly offMs: number
}

export class Clocks {
  readonly #library: string | undefined
  readonly #dir: string
  readonly #settings = new Map<string, ClockSetting[]>()

  /** @param dir readable for all, for a file per clock. */
  constructor(dir: string, library: string | undefined) {
    this.#dir = dir
    this.#library = library
  }

  /** What has to become a process so that its clock can be set; empty without libfaketime. */
  starterOf(name: string): readonly string[] {
    if (this.#library === undefined) return []
    this.set(name, 0)
    const settings = {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#fileOf(name),
      // Else each process of PostgreSQL would notice at another time.
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    }
    return ['env', ...Object.entries(settings).map(([key, value]) => `${key}=${value}`)]
  }

  /** @param offMs from the machine's clock, either way. */
  set(name: string, offMs: number): void {
    const seconds = offMs / 1000
    const settings = this.#settings.get(name) ?? []
    this.#settings.set(name, [...settings, { fromMs: Date.now(), offMs }])
    writeFileSync(this.#fileOf(name), `${seconds < 0 ? '' : '+'}${seconds.toFixed(3)}\n`)
  }

  /** How the clock of that name was set, oldest first. */
  settingsOf(name: string): readonly ClockSetting[] {
    return this.#settings.get(name) ?? []
  }

  #fileOf(name: string): string {
    return join(this.#dir, `${name}.clock`)
  }
}

/** How much later than its setting a process may still go by the one before, ms. */
const SETTING_LAG_MS = 1000

/**
 * What the machine's clock showed, epoch ms, when a process with these settings saw `seenMs`. Where
 * several moments would do it is the first that is not before `sinceMs`.
 */
export function machineTimeOf(
  seenMs: number,
  settings: readonly ClockSetting[],
  sinceMs: number,
): number {
  const moments = settings.flatMap(({ fromMs, offMs }, index) => {
    const atMs = seenMs - offMs
    const toMs = (settings[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY) + SETTING_LAG_MS
    return atMs >= fromMs && atMs <= toMs && atMs >= sinceMs - SETTING_LAG_MS ? [atMs] : []
  })
  return moments.length === 0 ? seenMs : Math.min(...moments)
}

const SECOND_MS = 1000
const HOUR_MS = 3_600_000

/** A second to an hour, either way, ms. */
export function drawStep(chance: Chance): number {
  const size = SECOND_MS * (HOUR_MS / SECOND_MS) ** chance.next()
  return Math.round(size) * chance.pick([1, -1])
}
