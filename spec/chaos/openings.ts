// How often circuits opened while a processor recovered, from the instances' logs.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Recovery } from './recoveries.ts'

interface Opening {
  readonly instance: string
  readonly processor: ProcessorName
  /** Wall clock, epoch ms. */
  readonly atMs: number
}

/** Openings that one instance told, in the order of its log; `text` is all that it wrote. */
export function readOpenings(instance: string, text: string): readonly Opening[] {
  const openings: Opening[] = []
  for (const line of text.split('\n')) {
    // Few lines are of this kind, and a killed process may leave half a line.
    if (!line.includes('"circuit.changed"') || !line.endsWith('}')) continue
    const fact = JSON.parse(line) as { to: string; processor: ProcessorName; time: string }
    const { to, processor, time } = fact
    if (to === 'open') openings.push({ instance, processor, atMs: Date.parse(time) })
  }
  return openings
}

/** The most openings of one instance's circuit during a recovery. */
export function openingsDuring(recovery: Recovery, openings: readonly Opening[]): number {
  const counts = new Map<string, number>()
  for (const { instance, processor, atMs } of openings) {
    if (processor !== recovery.processor) continue
    if (atMs < recovery.fromMs || atMs > recovery.toMs) continue
    counts.set(instance, (counts.get(instance) ?? 0) + 1)
  }
  return Math.max(0, ...counts.values())
}
