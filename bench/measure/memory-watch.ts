// Memory of services over time, sampled.

import type { Part } from '../layout/part.ts'
import type { Figures } from './figures.ts'
import { mebibytes } from './usage.ts'

export interface MemoryWatch {
  /** Ends the watch. `highest` by service, both in MiB; samples in order of time. */
  stop(): {
    readonly samples: readonly Figures[]
    readonly highest: Readonly<Record<string, Figures>>
  }
}

/**
 * Looks every `everyMs` at what each service holds: `NAMEMib` without the cache of files, which the
 * kernel takes back when it needs it. `extra` adds figures to each sample.
 */
export function watchMemory(watch: {
  readonly services: readonly Part[]
  readonly everyMs: number
  readonly extra?: () => Figures
}): MemoryWatch {
  const { services, everyMs, extra = () => ({}) } = watch
  const startedAt = performance.now()
  const samples: Figures[] = []
  const highest = new Map<string, { anon: number; all: number }>()
  const measure = (): void => {
    const sample: Record<string, number> = { atSecond: (performance.now() - startedAt) / 1000 }
    for (const part of services) {
      const { memoryAnonBytes, memoryBytes } = part.stat()
      const before = highest.get(part.name) ?? { anon: 0, all: 0 }
      highest.set(part.name, {
        anon: Math.max(before.anon, memoryAnonBytes),
        all: Math.max(before.all, memoryBytes),
      })
      sample[`${part.name}Mib`] = mebibytes(memoryAnonBytes)
    }
    samples.push({ ...sample, ...extra() })
  }
  measure()
  const timer = setInterval(measure, everyMs)
  return {
    stop() {
      clearInterval(timer)
      measure()
      const peaks = [...highest].map(([name, { anon, all }]) => {
        const peak = { memoryAnonMaxMib: mebibytes(anon), memoryMaxMib: mebibytes(all) }
        return [name, peak] as const
      })
      return { samples, highest: Object.fromEntries(peaks) }
    },
  }
}
