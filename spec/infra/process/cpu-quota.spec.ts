import t from 'tap'
import { createQuotaMeter, readCpuQuota } from '../../../src/infra/process/cpu-quota.ts'

type Files = Readonly<Record<string, string>>

const reading =
  (files: Files) =>
  (path: string): string | undefined =>
    files[path]

t.test('the quota of a version 2 group is found at its path', async (t) => {
  const files = {
    '/proc/self/cgroup': '0::/pit/one\n',
    '/sys/fs/cgroup/pit/one/cpu.max': '48000 100000\n',
  }

  t.equal(readCpuQuota(reading(files)), 0.48)
})

t.test('a container finds the quota of its own group at the root', async (t) => {
  const files = {
    '/proc/self/cgroup': '0::/docker/3f\n',
    '/sys/fs/cgroup/cpu.max': '150000 100000\n',
  }

  t.equal(readCpuQuota(reading(files)), 1.5)
})

t.test('the quota of a version 1 group is found among its controllers', async (t) => {
  const group = '/sys/fs/cgroup/cpu,cpuacct/pit/one'
  const files = {
    '/proc/self/cgroup': '5:memory:/pit/one\n4:cpu,cpuacct:/pit/one\n0::/\n',
    [`${group}/cpu.cfs_quota_us`]: '40000\n',
    [`${group}/cpu.cfs_period_us`]: '100000\n',
  }

  t.equal(readCpuQuota(reading(files)), 0.4)
})

t.test('a process without a quota in its group has no quota', async (t) => {
  const unlimited: readonly Files[] = [
    {},
    { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' },
    {
      '/proc/self/cgroup': '4:cpu:/\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    },
  ]

  for (const files of unlimited) t.equal(readCpuQuota(reading(files)), undefined)
})

t.test('the meter reads the share of the quota used since its last reading', async (t) => {
  let now = 1_000
  let cpuMs = 200
  const files = { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '50000 100000\n' }
  const used = createQuotaMeter({ read: reading(files), now: () => now, cpuMs: () => cpuMs })

  now += 50
  cpuMs += 20
  t.equal(used(), 0.8)

  now += 100
  cpuMs += 10
  t.equal(used(), 0.2)
})

t.test('the meter reads 0 where there is no quota', async (t) => {
  const used = createQuotaMeter({ read: () => undefined, now: () => 1, cpuMs: () => 1 })

  t.equal(used(), 0)
})
