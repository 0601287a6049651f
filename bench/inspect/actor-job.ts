// Payments' lives in the whole actor system with inspection as Pit has it, in a process of their
// own; the viewer is in the parent process.

import { setTimeout as pause } from 'node:timers/promises'
import { openSystemLives, type SystemLives } from '../actors/system-lives.ts'
import { Access } from '../../src/console/access.ts'
import { createInspection } from '../../src/console/inspection.ts'
import { loadWebServer } from '../../src/server/load-server.ts'

export interface ActorTask {
  /** 0: without any code of inspection. */
  readonly oneIn: number
}

/** The next task of the process. */
export interface Round {
  readonly lives: number
}

export type ActorReport =
  | { readonly type: 'opened'; readonly port: number }
  | { readonly type: 'lived'; readonly cpuUsPerLife: number }

/** As many as are under way in a Pit that takes 500/s from processors that answer within 20 ms. */
const ALIVE = 10

/** As one process has them at 500/s: what is allowed so many times a second is met as often. */
const PACE = { msPerLife: 2, livesPerTurn: 2 }

/** For the loop to take notice of viewers that came or left, ms. */
const NOTICE_MS = 30

process.once('message', (task: ActorTask) => void run(task))

async function run({ oneIn }: ActorTask): Promise<void> {
  const lives = await openSystemLives(ALIVE, PACE)
  const port = oneIn === 0 ? 0 : await open(lives, oneIn)
  process.on('message', (round: Round) => {
    void live(lives, round).then((cpuUsPerLife) => report({ type: 'lived', cpuUsPerLife }))
  })
  report({ type: 'opened', port })
}

function report(told: ActorReport): void {
  process.send?.(told)
}

async function live(lives: SystemLives, { lives: count }: Round): Promise<number> {
  await pause(NOTICE_MS)
  const cpu = process.cpuUsage()
  const lived = await lives.live(count)
  const { user, system } = process.cpuUsage(cpu)
  return (user + system) / lived
}

async function open({ supervisor, clock }: SystemLives, oneIn: number): Promise<number> {
  const fail = (_part: string, error: unknown): never => {
    throw error
  }
  const inspection = createInspection({
    supervisor,
    access: new Access({
      isLoopback: true,
      now: () => clock.now(),
      telemetry: { emit: () => undefined },
    }),
    oneIn,
    now: () => clock.now(),
    broken: new Set(),
    onDropped: () => undefined,
    onBug: fail,
  })
  const app = (await loadWebServer('auto')).createApp()
  inspection.extend(app)
  return (await app.listen({ host: '127.0.0.1', port: 0 })).port
}
