// Helper threads of the runtime step back; the main thread never does.

import { spawnSync } from 'node:child_process'
import { getPriority } from 'node:os'
import t from 'tap'
import { projectFile } from '../../../src/infra/process/project-file.ts'
import { lowerHelperThreads } from '../../../src/infra/process/helper-threads.ts'

t.test('every thread but the main one gets a lower priority than that has', (t) => {
  for (const [mainPriority, lower] of [
    [0, 10],
    [5, 15],
    [12, 19],
  ] as const) {
    const changed: [number, number][] = []
    const lowered = lowerHelperThreads({
      threads: () => [100, 101, 102],
      mainThread: 100,
      mainPriority,
      setPriority: (thread, priority) => void changed.push([thread, priority]),
    })
    t.equal(lowered, 2)
    t.strictSame(changed, [
      [101, lower],
      [102, lower],
    ])
  }
  t.end()
})

t.test('a thread that has ended, or may not be changed, is passed over', (t) => {
  const lowered = lowerHelperThreads({
    threads: () => [100, 101, 102],
    mainThread: 100,
    mainPriority: 0,
    setPriority: (thread) => {
      if (thread === 101) throw new Error('ESRCH')
    },
  })
  t.equal(lowered, 1)
  t.end()
})

t.test('a system that lists no threads is left as it is', (t) => {
  const lowered = lowerHelperThreads({
    threads: () => {
      throw new Error('ENOENT')
    },
    mainThread: 100,
    mainPriority: 0,
    setPriority: () => t.fail('nothing to change'),
  })
  t.equal(lowered, 0)
  t.end()
})

const onLinux = process.platform === 'linux'

t.test(
  'a real process has all its threads but the main one at a low priority',
  { skip: onLinux ? false : 'threads are listed on Linux only' },
  (t) => {
    const pathname = projectFile('dist/infra/process/helper-threads.js')
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program(pathname)],
      { encoding: 'utf8' },
    )
    t.equal(stderr, '')
    const { lowered, nice } = JSON.parse(stdout) as { lowered: number; nice: [string, number][] }
    t.ok(lowered > 0)
    const own = getPriority()
    t.same(valuesOf('main', nice), [own])
    t.same(valuesOf('helper', nice), Array(lowered).fill(Math.min(own + 10, 19)))
    t.end()
  },
)

function valuesOf(kind: string, nice: readonly [string, number][]): readonly number[] {
  return nice.filter((each) => each[0] === kind).map(([, value]) => value)
}

// The 17th field after the name in a thread's stat is its nice value.
function program(modulePath: string): string {
  return `
    import { readdirSync, readFileSync } from 'node:fs'
    const { lowerHelperThreads } = await import(${JSON.stringify(modulePath)})
    const lowered = lowerHelperThreads()
    const nice = readdirSync('/proc/self/task').map((thread) => {
      const stat = readFileSync('/proc/self/task/' + thread + '/stat', 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return [Number(thread) === process.pid ? 'main' : 'helper', Number(fields[16])]
    })
    console.log(JSON.stringify({ lowered, nice }))`
}
