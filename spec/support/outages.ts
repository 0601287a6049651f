// The times in which an instance has both circuits open, and must send nothing.

import { setTimeout } from 'node:timers/promises'
import type { Test } from 'tap'
import type { Pit } from '../../src/app/pit.ts'
import { parseSamples } from '../../src/cli/samples.ts'

/** A time in which both circuits were open throughout: between two instants, epoch ms. */
export interface Outage {
  readonly begin: number
  end: number
}

/** Pause between two readings, ms. */
const READ_EVERY_MS = 25

/**
 * Watches to the test's end, by the clock that stamps charges; what is returned grows. Between two
 * readings of the metrics both circuits were open if they are in both, and none has changed.
 */
export function watchOutages(t: Test, pit: Pit): readonly Outage[] {
  const outages: Outage[] = []
  let isOver = false
  const watch = async (): Promise<void> => {
    let before = await read(pit)
    let outage: Outage | undefined
    while (!isOver) {
      await setTimeout(READ_EVERY_MS)
      const now = await read(pit)
      if (!now.areOpen || now.changes !== before.changes) outage = undefined
      else if (outage !== undefined) outage.end = now.askedAt
      else outages.push((outage = { begin: before.answeredAt, end: now.askedAt }))
      before = now
    }
  }
  const watching = watch()
  t.teardown(() => {
    isOver = true
    return watching
  })
  return outages
}

interface Reading {
  readonly areOpen: boolean
  /** How often either circuit has changed since the start. */
  readonly changes: number
  readonly askedAt: number
  readonly answeredAt: number
}

async function read({ opsPort }: Pit): Promise<Reading> {
  const askedAt = Date.now()
  const answer = await fetch(`http://127.0.0.1:${opsPort}/metrics`)
  const samples = parseSamples(await answer.text())
  const areOpen = samples.sum('pit_circuit_state', { state: 'open' }) === 2
  const changes = samples.sum('pit_circuit_changes_total') ?? 0
  return { areOpen, changes, askedAt, answeredAt: Date.now() }
}
