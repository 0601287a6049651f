// Version 2: one hierarchy; a parent hands controllers down to its children.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import {
  CFS_PERIOD_US,
  readCounters,
  readNumber,
  readProcesses,
  removeIfEmpty,
  type Cgroup,
} from './cgroup-files.ts'
import type { Figures } from './figures.ts'
import type { Share } from './shares.ts'

export function cgroupV2(
  group: { readonly parent: string; readonly name: string },
  share: Share,
  root: string,
): Cgroup {
  const parent = `${root}/${group.parent}`
  const path = `${parent}/${group.name}`
  handDown(root)
  mkdirSync(parent, { recursive: true })
  handDown(parent)
  mkdirSync(path, { recursive: true })
  const quotaUs = Math.round(share.cpus * CFS_PERIOD_US)
  writeFileSync(`${path}/cpu.max`, `${quotaUs} ${CFS_PERIOD_US}`)
  writeFileSync(`${path}/memory.max`, String(share.memoryBytes))
  if (existsSync(`${path}/memory.swap.max`)) writeFileSync(`${path}/memory.swap.max`, '0')

  return {
    entrances: [`${path}/cgroup.procs`],
    processes: () => readProcesses(`${path}/cgroup.procs`),
    figures: () => figuresOf(path),
    remove: () => {
      if (existsSync(path)) rmdirSync(path)
      removeIfEmpty(parent)
    },
  }
}

/** Lets children of this group have CPU and memory limits. */
function handDown(path: string): void {
  const enabled = readFileSync(`${path}/cgroup.subtree_control`, 'utf8').split(/\s+/)
  for (const controller of ['cpu', 'memory']) {
    if (!enabled.includes(controller)) {
      appendFileSync(`${path}/cgroup.subtree_control`, `+${controller}`)
    }
  }
}

function figuresOf(path: string): Figures {
  const cpu = readCounters(`${path}/cpu.stat`)
  const memoryBytes = readNumber(`${path}/memory.current`)
  return {
    cpuSeconds: (cpu['usage_usec'] ?? 0) / 1e6,
    periods: cpu['nr_periods'] ?? 0,
    throttledPeriods: cpu['nr_throttled'] ?? 0,
    throttledSeconds: (cpu['throttled_usec'] ?? 0) / 1e6,
    memoryBytes,
    // memory.peak came with Linux 5.19; before it only the present use is known.
    memoryPeakBytes: Math.max(memoryBytes, readNumber(`${path}/memory.peak`)),
    memoryAnonBytes: readCounters(`${path}/memory.stat`)['anon'] ?? 0,
    oomKills: readCounters(`${path}/memory.events`)['oom_kill'] ?? 0,
  }
}
