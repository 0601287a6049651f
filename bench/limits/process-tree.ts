// A process and all that it started, as /proc shows them: for signals that must reach all of them
// and for the figures of a service that runs without limits.

import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import type { Figures } from './figures.ts'

/** Ticks per second of the times in /proc; fixed at 100 for user space on Linux. */
const CLOCK_TICKS = 100

/** The process and its descendants, itself first; empty where there is no /proc or it has ended. */
export function treeOf(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  const alive = new Set<number>()
  for (const process of allProcesses()) {
    alive.add(process.pid)
    const siblings = children.get(process.parent)
    if (siblings === undefined) children.set(process.parent, [process.pid])
    else siblings.push(process.pid)
  }
  if (!alive.has(pid)) return []
  const tree = [pid]
  for (let next = 0; next < tree.length; next += 1) {
    tree.push(...(children.get(tree[next] ?? -1) ?? []))
  }
  return tree
}

/** Whether a process runs; one that has ended and was not yet collected does not. */
export function isAlive(pid: number): boolean {
  const fields = statOf(pid)
  return fields !== undefined && fields[0] !== 'Z'
}

/** Time and memory of a tree: ended children count if they were waited for. */
export function treeFigures(pid: number): Figures {
  let cpuSeconds = 0
  let memoryBytes = 0
  let memoryPeakBytes = 0
  let memoryAnonBytes = 0
  for (const member of treeOf(pid)) {
    cpuSeconds += cpuSecondsOf(member)
    const status = readText(`/proc/${member}/status`)
    memoryBytes += kilobytes(status, 'VmRSS') * 1024
    memoryPeakBytes += kilobytes(status, 'VmHWM') * 1024
    memoryAnonBytes += kilobytes(status, 'RssAnon') * 1024
  }
  return {
    cpuSeconds,
    periods: 0,
    throttledPeriods: 0,
    throttledSeconds: 0,
    memoryBytes,
    memoryPeakBytes,
    memoryAnonBytes,
    oomKills: 0,
  }
}

/** CPU seconds of a tree so far, by the file names of its programs. */
export function cpuByProgram(pid: number): Readonly<Record<string, number>> {
  const used: Record<string, number> = {}
  for (const member of treeOf(pid)) {
    const program = programOf(member)
    used[program] = (used[program] ?? 0) + cpuSecondsOf(member)
  }
  return used
}

/** The name that a process has in /proc is its main thread's: each newer Node calls that the same. */
function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`))
  } catch {
    return ''
  }
}

/** CPU seconds so far of one process, and of those of its children that ended. */
export function cpuSecondsOf(pid: number): number {
  const fields = statOf(pid)
  // utime and stime of the process itself, then of its ended children (proc(5), 14 to 17).
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields?.[index] ?? 0), 0)
  return ticks / CLOCK_TICKS
}

/** How often the threads of a tree have waited and were woken so far. */
export function wakeUpsOf(pid: number): number {
  const threads = treeOf(pid).flatMap((member) =>
    list(`/proc/${member}/task`).map((thread) => `/proc/${member}/task/${thread}/status`),
  )
  return threads.reduce((sum, path) => {
    const [, count] = /^voluntary_ctxt_switches:\s+(\d+)/m.exec(readText(path)) ?? []
    return sum + Number(count ?? 0)
  }, 0)
}

function allProcesses(): { pid: number; parent: number }[] {
  const found: { pid: number; parent: number }[] = []
  for (const name of list('/proc')) {
    const fields = statOf(Number(name))
    // A zombie has ended and only waits to be collected.
    if (fields !== undefined && fields[0] !== 'Z') {
      found.push({ pid: Number(name), parent: Number(fields[1]) })
    }
  }
  return found
}

/** Ids of processes, or of the threads of one. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

/** Fields of /proc/PID/stat from the state on: the name before it may hold blanks and brackets. */
function statOf(pid: number): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`)
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function kilobytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
}
