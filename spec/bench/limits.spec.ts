// The project's own limiter: shares out of the compose file, and both versions of cgroups. The real
// kernel is met where this user may make cgroups; the other version is a folder that looks like it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { wrapped } from '../../bench/layout/launch.ts'
import { createCgroup } from '../../bench/limits/cgroup.ts'
import { readCompose } from '../../bench/limits/compose-file.ts'
import { isAlive, treeFigures, treeOf } from '../../bench/limits/process-tree.ts'
import { readShares } from '../../bench/limits/shares.ts'

const COMPOSE = `
x-common: &common
  image: pit # a comment
  command: ["a", "b"]
  deploy:
    resources:
      limits:
        cpus: "0.40"
        memory: 85M

x-env: &env
  URL: http://host:80
  FLAG: "true"

services:
  one:
    <<: *common
    environment:
      <<: *env
      NAME: one
  two:
    volumes:
      - a:/b
    deploy:
      resources:
        limits:
          cpus: 0.5
          memory: 1g
`

t.test('shares and environment come out of a compose file with anchors', async (t) => {
  const dir = t.testdir({ 'compose.yml': COMPOSE })
  const path = join(dir, 'compose.yml')

  t.same(readShares(path), {
    one: { cpus: 0.4, memoryBytes: 85 * 1024 ** 2 },
    two: { cpus: 0.5, memoryBytes: 1024 ** 3 },
  })
  t.same(readCompose(path)['one']?.environment, {
    URL: 'http://host:80',
    FLAG: 'true',
    NAME: 'one',
  })
})

t.test('a compose file that cannot be read stops with a sentence', async (t) => {
  const dir = t.testdir({
    shareless: 'services:\n  one:\n    image: pit\n',
    strange: 'services:\n  ? complex\n',
    dangling: 'services:\n  one:\n    <<: *nothing\n',
  })

  t.throws(() => readShares(join(dir, 'shareless')), /one has no usable deploy.resources.limits/)
  t.throws(() => readShares(join(dir, 'strange')), /strange:2 is beyond this reader/)
  t.throws(() => readShares(join(dir, 'dangling')), /\*nothing is not defined above its use/)
})

t.test(
  'a version 2 group has its limits in one folder, with controllers enabled above it',
  async (t) => {
    const root = t.testdir({
      'cgroup.controllers': 'cpu memory\n',
      'cgroup.subtree_control': 'memory\n',
      pit: { 'cgroup.subtree_control': '', one: { 'memory.swap.max': 'max' } },
    })

    const cgroup = createCgroup(
      { parent: 'pit', name: 'one' },
      { cpus: 0.25, memoryBytes: 1000 },
      { root },
    )

    const file = (name: string): string => readFileSync(join(root, name), 'utf8')
    t.equal(file('cgroup.subtree_control'), 'memory\n+cpu')
    t.equal(file('pit/cgroup.subtree_control'), '+cpu+memory')
    t.equal(file('pit/one/cpu.max'), '25000 100000')
    t.equal(file('pit/one/memory.max'), '1000')
    t.equal(file('pit/one/memory.swap.max'), '0')
    t.same(cgroup.entrances, [join(root, 'pit/one/cgroup.procs')])

    writeFileSync(join(root, 'pit/one/cpu.stat'), 'usage_usec 1500000\nnr_throttled 3\n')
    writeFileSync(join(root, 'pit/one/memory.current'), '700\n')
    t.match(cgroup.figures(), { cpuSeconds: 1.5, throttledPeriods: 3, memoryPeakBytes: 700 })
  },
)

t.test('a machine without cgroups is refused with that reason', async (t) => {
  const root = t.testdir({})

  t.throws(
    () => createCgroup({ parent: 'pit', name: 'one' }, { cpus: 1, memoryBytes: 1 }, { root }),
    /limits: no cgroups with a memory controller/,
  )
})

const unlimited = mayMakeCgroups() ? {} : { skip: 'this user may not make cgroups here' }

t.test('a limited process runs in its cgroup from its first instruction', unlimited, async (t) => {
  const group = { parent: `pit-spec-${process.pid}`, name: 'one' }
  const cgroup = createCgroup(group, { cpus: 0.03, memoryBytes: 64 * 1024 ** 2 })
  t.teardown(() => cgroup.remove())
  // Some 0.1 s of work: many times what a period allows, even where others want the CPU, too.
  const busy = 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'
  const line = wrapped({ command: '/bin/sh', args: ['-c', busy] }, { cgroup, account: undefined })

  const child = spawn(line.command, line.args)
  await once(child, 'exit')

  const figures = cgroup.figures()
  t.ok(figures.cpuSeconds > 0, `${figures.cpuSeconds} CPU s`)
  t.ok(figures.throttledPeriods > 0, `${figures.throttledPeriods} throttled`)
  t.ok(figures.memoryPeakBytes > 0, `${figures.memoryPeakBytes} bytes`)
  t.same(cgroup.processes(), [])
})

t.test(
  'a process and what it started are one tree',
  { skip: !hasProc() && 'only Linux has /proc' },
  async (t) => {
    const child = spawn('/bin/sh', ['-c', 'sleep 30 & echo up; wait'])
    await once(child.stdout, 'data')
    const pid = child.pid ?? -1

    const tree = treeOf(pid)
    t.equal(tree[0], pid)
    t.equal(tree.length, 2)
    t.ok(treeFigures(pid).memoryBytes > 0)

    for (const member of tree) process.kill(member, 'SIGKILL')
    await once(child, 'exit')
    t.notOk(isAlive(pid))
    t.same(treeOf(pid), [])
  },
)

function hasProc(): boolean {
  return process.platform === 'linux'
}

function mayMakeCgroups(): boolean {
  try {
    accessSync('/sys/fs/cgroup/memory', constants.W_OK)
    return process.getuid?.() === 0
  } catch {
    return false
  }
}
