// Ends a layout: in order when asked to, at once when this process goes away.

import { rmSync } from 'node:fs'
import type { Cgroup } from '../limits/cgroup-files.ts'
import type { Part } from './part.ts'

export interface Closing {
  /** In the order of their start. */
  readonly parts: readonly Part[]
  add(part: Part): void
  addGroup(cgroup: Cgroup): void
  /** Stops the last started first, removes cgroups and a temporary folder; once, then the same. */
  close(): Promise<void>
}

export function createClosing(place: {
  /** Removed at the end. */
  readonly dir: string | undefined
}): Closing {
  const parts: Part[] = []
  const groups: Cgroup[] = []
  let closed: Promise<void> | undefined

  const onExit = (): void => {
    for (const part of parts) part.kill('SIGKILL')
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    void closing.close().finally(() => process.kill(process.pid, signal))
  }
  const close = async (): Promise<void> => {
    try {
      for (const part of parts.toReversed()) await part.stop()
      for (const group of groups) group.remove()
      if (place.dir !== undefined) rmSync(place.dir, { recursive: true, force: true })
    } finally {
      process.off('exit', onExit)
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    }
  }
  const closing: Closing = {
    parts,
    add: (part) => {
      if (closed !== undefined) throw new Error('layout: stopped while it was starting')
      parts.push(part)
    },
    addGroup: (cgroup) => groups.push(cgroup),
    close: () => (closed ??= close()),
  }
  process.on('exit', onExit)
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return closing
}
