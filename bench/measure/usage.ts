// What the services of a layout used between two moments.

import type { Layout } from '../layout/plan.ts'
import type { Part } from '../layout/part.ts'
import type { Shares } from '../limits/shares.ts'
import type { Figures as PartFigures } from '../limits/figures.ts'
import type { Figures } from './figures.ts'

/** Figures of every service at one moment. */
export interface Reading {
  /** Monotonic, ms. */
  readonly at: number
  readonly parts: readonly (readonly [name: string, figures: PartFigures])[]
}

/** Services that are Pit's own; the processors belong to the world. */
export function servicesOf(layout: Layout): readonly Part[] {
  return layout.parts.filter(({ name }) => !name.startsWith('payment-processor'))
}

export function readUsage(services: readonly Part[]): Reading {
  return {
    at: performance.now(),
    parts: services.map((part) => [part.name, part.stat()] as const),
  }
}

/**
 * By service: CPU, per second and per payment, throttled periods of those in which it ran, and the
 * peak of its memory so far (within a cgroup page cache counts, up to the limit).
 * @param span.payments how many payments that CPU time is for; 0 leaves the figure out.
 */
export function usageBetween(span: {
  readonly start: Reading
  readonly end: Reading
  readonly payments: number
}): Readonly<Record<string, Figures>> {
  const { start, end, payments } = span
  const seconds = (end.at - start.at) / 1000
  const before = new Map(start.parts)
  return Object.fromEntries(
    end.parts.map(([name, after]) => {
      const from = before.get(name) ?? after
      const cpuSeconds = after.cpuSeconds - from.cpuSeconds
      return [
        name,
        {
          cpuSeconds,
          wallSeconds: seconds,
          cpus: cpuSeconds / seconds,
          ...(payments === 0 ? {} : { cpuUsPerPayment: (cpuSeconds * 1e6) / payments }),
          periods: after.periods - from.periods,
          throttledPeriods: after.throttledPeriods - from.throttledPeriods,
          memoryPeakMib: mebibytes(after.memoryPeakBytes),
          memoryAnonMib: mebibytes(after.memoryAnonBytes),
          oomKills: after.oomKills - from.oomKills,
        },
      ]
    }),
  )
}

/** The same with what each may use beside it; as they are without limits. */
export function withLimits(
  services: Readonly<Record<string, Figures>>,
  shares: Shares | undefined,
): Readonly<Record<string, Figures>> {
  const entries = Object.entries(services).map(([name, used]) => {
    const share = shares?.[name]
    if (share === undefined) return [name, used] as const
    const limits = { cpusLimit: share.cpus, memoryLimitMib: mebibytes(share.memoryBytes) }
    return [name, { ...used, ...limits }] as const
  })
  return Object.fromEntries(entries)
}

/** One figure summed over services; of those only whose name begins with `prefix`. */
export function sumOf(
  services: Readonly<Record<string, Figures>>,
  figure: string,
  prefix = '',
): number {
  return Object.entries(services)
    .filter(([name]) => name.startsWith(prefix))
    .reduce((sum, [, figures]) => sum + (figures[figure] ?? 0), 0)
}

export function mebibytes(bytes: number): number {
  return bytes / 1024 ** 2
}
