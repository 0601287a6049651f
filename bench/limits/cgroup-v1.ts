// Version 1: one hierarchy per controller, each with its own folder of the same name.

import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
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

const CONTROLLERS = ['cpu', 'cpuacct', 'memory'] as const

export function cgroupV1(
  group: { readonly parent: string; readonly name: string },
  share: Share,
  root: string,
): Cgroup {
  const path = (controller: string): string => `${root}/${controller}/${group.parent}/${group.name}`
  for (const controller of CONTROLLERS) mkdirSync(path(controller), { recursive: true })
  const cpu = path('cpu')
  const memory = path('memory')
  writeFileSync(`${cpu}/cpu.cfs_period_us`, String(CFS_PERIOD_US))
  writeFileSync(`${cpu}/cpu.cfs_quota_us`, String(Math.round(share.cpus * CFS_PERIOD_US)))
  writeFileSync(`${memory}/memory.limit_in_bytes`, String(share.memoryBytes))
  // Memory and swap together; absent where swap is not accounted for.
  const withSwap = `${memory}/memory.memsw.limit_in_bytes`
  if (existsSync(withSwap)) writeFileSync(withSwap, String(share.memoryBytes))

  return {
    entrances: CONTROLLERS.map((controller) => `${path(controller)}/cgroup.procs`),
    processes: () => readProcesses(`${memory}/cgroup.procs`),
    figures: () => figuresOf({ cpu, cpuacct: path('cpuacct'), memory }),
    remove: () => {
      for (const controller of CONTROLLERS) {
        if (existsSync(path(controller))) rmdirSync(path(controller))
        removeIfEmpty(`${root}/${controller}/${group.parent}`)
      }
    },
  }
}

function figuresOf(paths: { cpu: string; cpuacct: string; memory: string }): Figures {
  const cpu = readCounters(`${paths.cpu}/cpu.stat`)
  return {
    cpuSeconds: readNumber(`${paths.cpuacct}/cpuacct.usage`) / 1e9,
    periods: cpu['nr_periods'] ?? 0,
    throttledPeriods: cpu['nr_throttled'] ?? 0,
    throttledSeconds: (cpu['throttled_time'] ?? 0) / 1e9,
    memoryBytes: readNumber(`${paths.memory}/memory.usage_in_bytes`),
    memoryPeakBytes: readNumber(`${paths.memory}/memory.max_usage_in_bytes`),
    memoryAnonBytes: readCounters(`${paths.memory}/memory.stat`)['total_rss'] ?? 0,
    oomKills: readCounters(`${paths.memory}/memory.oom_control`)['oom_kill'] ?? 0,
  }
}
