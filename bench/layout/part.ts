// One process of the layout: started, probed, signalled, restarted, measured.

import assert from 'node:assert'
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cgroup } from '../limits/cgroup-files.ts'
import type { Figures } from '../limits/figures.ts'
import { isAlive, treeFigures, treeOf } from '../limits/process-tree.ts'
import { wrapped, type Account, type CommandLine } from './launch.ts'
import { waitUntil } from './wait.ts'

/** How to run one process. */
export interface PartPlan extends CommandLine {
  /** As in docker-compose.yml. */
  readonly name: string
  /** Program that becomes this one, with its arguments, such as `env`. */
  readonly starter?: readonly string[] | undefined
  readonly env: Readonly<Record<string, string>>
  /** Folder in which it runs and its log is kept. */
  readonly dir: string
  readonly account?: Account | undefined
  readonly cgroup?: Cgroup | undefined
  /** A process that it has detached from itself and that is part of it all the same. */
  besides?(): number | undefined
  /** Asks it to end in good order. */
  readonly stopSignal: NodeJS.Signals
  /** Whether it does its work already; asked until true. */
  ready(): Promise<boolean>
}

/** A process of the layout, over all its restarts. */
export interface Part {
  readonly name: string
  /** Undefined while it is not running. */
  readonly pid: number | undefined
  /** Starts it and waits until it is ready; ended, it rejects with the end of its log. */
  start(): Promise<void>
  /**
   * Sends a signal. SIGKILL, SIGSTOP and SIGCONT reach all that it started too, as they would in a
   * container; others only itself. Does nothing when it is not running.
   */
  kill(signal: NodeJS.Signals): void
  /** Resolves once it and all that it started have ended, however that came about. */
  ended(): Promise<void>
  /** Asks it to end and makes it after a bound. */
  stop(): Promise<void>
  /** Stops it if it still runs and starts it again with the same settings, ports and data. */
  restart(): Promise<void>
  /** All that it wrote, over its restarts. */
  logs(): string
  stat(): Figures
}

const STOP_WITHIN_MS = 20_000
const TO_ALL: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGSTOP', 'SIGCONT']

export function createPart(plan: PartPlan): Part {
  const logPath = join(plan.dir, `${plan.name}.log`)
  let child: ChildProcess | undefined
  /** All processes of the part when it was last looked at: they outlive a killed parent. */
  let members: readonly number[] = []

  const running = (): boolean =>
    child?.pid !== undefined && child.exitCode === null && child.signalCode === null
  const readTree = (): void => {
    const roots = [running() ? child?.pid : undefined, plan.besides?.()]
    const tree = roots.flatMap((pid) => (pid === undefined ? [] : treeOf(pid)))
    const seen = tree.length > 0 ? tree : members.filter(isAlive)
    members = [...new Set([...seen, ...(plan.cgroup?.processes() ?? [])])]
  }
  const part: Part = {
    name: plan.name,
    get pid() {
      return running() ? child?.pid : undefined
    },
    start: async () => {
      assert(!running(), `${plan.name} is started only while it does not run`)
      child = launch(plan, logPath)
      await waitUntil({ what: `${plan.name} ready` }, () => {
        if (!running()) throw new Error(`${plan.name} ended at once:\n${tail(logPath)}`)
        return plan.ready()
      }).catch(async (failure: unknown) => {
        part.kill('SIGKILL')
        await part.ended()
        throw failure
      })
    },
    kill: (signal) => {
      readTree()
      const targets = TO_ALL.includes(signal)
        ? members
        : members.filter((pid) => pid === child?.pid)
      for (const pid of targets) sendTo(pid, signal)
    },
    ended: () =>
      waitUntil({ what: `${plan.name} ended`, withinMs: STOP_WITHIN_MS }, () => {
        readTree()
        return !running() && members.length === 0
      }),
    stop: async () => {
      part.kill('SIGCONT')
      part.kill(plan.stopSignal)
      await part.ended().catch(() => {
        part.kill('SIGKILL')
        return part.ended()
      })
    },
    restart: async () => {
      await part.stop()
      await part.start()
    },
    logs: () => (existsSync(logPath) ? readFileSync(logPath, 'utf8') : ''),
    stat: () => plan.cgroup?.figures() ?? treeFigures(child?.pid ?? -1),
  }
  return part
}

/** In a session of its own, so that Ctrl-C in the terminal reaches only the layout, in its order. */
function launch(plan: PartPlan, logPath: string): ChildProcess {
  const [command = plan.command, ...args] = [...(plan.starter ?? []), plan.command, ...plan.args]
  const line = wrapped({ command, args }, { cgroup: plan.cgroup, account: plan.account })
  const log = openSync(logPath, 'a')
  const child = spawn(line.command, line.args, {
    cwd: plan.dir,
    env: plan.env,
    stdio: ['ignore', log, log],
    detached: true,
  })
  // A program that is not installed shows as an ended process; `start` reports it.
  child.on('error', () => undefined)
  closeSync(log)
  return child
}

function sendTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended in between.
  }
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').split('\n').slice(-12).join('\n')
}
