// How much of its CPU quota this process uses. A container that spends its quota is frozen for the
// rest of the period, and so is every client who waits for an answer.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const CGROUP_ROOT = '/sys/fs/cgroup'

export interface QuotaSources {
  /** Text of a file; undefined when it is not there. */
  readonly read: (path: string) => string | undefined
  /** Monotonic, ms. */
  readonly now: () => number
  /** CPU time of all threads of this process, ms. */
  readonly cpuMs: () => number
}

/**
 * A meter of the CPU quota: each call gives the share used since the call before it, 1 being all of
 * it. 0 on the first call, and always where no cgroup limits this process.
 */
export function createQuotaMeter(sources: QuotaSources = systemSources): () => number {
  const cpus = readCpuQuota(sources.read)
  if (cpus === undefined) return () => 0
  let lastAt = sources.now()
  let lastCpuMs = sources.cpuMs()
  return () => {
    const at = sources.now()
    const cpuMs = sources.cpuMs()
    const allowedMs = (at - lastAt) * cpus
    const used = allowedMs > 0 ? (cpuMs - lastCpuMs) / allowedMs : 0
    lastAt = at
    lastCpuMs = cpuMs
    return used
  }
}

/**
 * CPUs that this process may use by its own cgroup, version 2 or 1; undefined without a limit.
 * A container sees its own group as the root of the hierarchy, whatever `/proc/self/cgroup` says.
 */
export function readCpuQuota(read: QuotaSources['read']): number | undefined {
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    const cpus = controllers === '' ? quotaV2(read, path) : quotaV1(read, controllers, path)
    if (cpus !== undefined) return cpus
  }
  return undefined
}

function quotaV2(read: QuotaSources['read'], path: string): number | undefined {
  const text = read(join(CGROUP_ROOT, path, 'cpu.max')) ?? read(join(CGROUP_ROOT, 'cpu.max'))
  const [quota, period] = (text ?? '').trim().split(' ')
  return ratio(quota, period)
}

function quotaV1(
  read: QuotaSources['read'],
  controllers: string,
  path: string,
): number | undefined {
  if (!controllers.split(',').includes('cpu')) return undefined
  const folders = [controllers, 'cpu'].flatMap((name) => [
    join(CGROUP_ROOT, name, path),
    join(CGROUP_ROOT, name),
  ])
  const folder = folders.find((each) => read(join(each, 'cpu.cfs_quota_us')) !== undefined)
  if (folder === undefined) return undefined
  return ratio(read(join(folder, 'cpu.cfs_quota_us')), read(join(folder, 'cpu.cfs_period_us')))
}

/** Undefined for `max`, for -1 and for what is no number. */
function ratio(quota: string | undefined, period: string | undefined): number | undefined {
  const cpus = Number(quota) / Number(period)
  return Number.isFinite(cpus) && cpus > 0 ? cpus : undefined
}

const systemSources: QuotaSources = {
  read: (path) => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return undefined
    }
  },
  now: () => performance.now(),
  cpuMs: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
}
