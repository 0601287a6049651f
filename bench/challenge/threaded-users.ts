// The virtual users spread over threads that are as heavy on the machine as another generator.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Outcome } from '../load/tally.ts'
import type { Weight } from '../load/weight.ts'
import type { UsersOptions } from './users.ts'

/** What a thread is given. */
export interface ThreadRequest extends Omit<UsersOptions, 'onAnswer' | 'beforeRequest'> {
  readonly weight: Weight
}

/** What a thread tells, several answers at a time. */
export interface ThreadReport {
  /** Users that have started there so far. */
  readonly started: number
  readonly answers: readonly { readonly outcome: Outcome; readonly sentAtMs: number }[]
}

export class ThreadedUsers {
  readonly #workers: readonly Worker[]
  readonly #started: number[]

  /** Resolves once all threads can begin at once. */
  static async open(options: UsersOptions, weight: Weight): Promise<ThreadedUsers> {
    const { onAnswer, ...rest } = options
    const users = new ThreadedUsers({ ...rest, weight }, onAnswer)
    await Promise.all(users.#workers.map((worker) => once(worker, 'message')))
    return users
  }

  private constructor(request: ThreadRequest, onAnswer: UsersOptions['onAnswer']) {
    const of = request.weight.threads
    const program = new URL('./users-thread.js', import.meta.url)
    this.#started = new Array<number>(of).fill(0)
    this.#workers = Array.from({ length: of }, (_, index) => {
      const worker = new Worker(program, { workerData: { ...request, share: { index, of } } })
      worker.on('message', (report: ThreadReport | 'ready') => {
        if (report === 'ready') return
        this.#started[index] = report.started
        for (const { outcome, sentAtMs } of report.answers) onAnswer(outcome, sentAtMs)
      })
      return worker
    })
  }

  get started(): number {
    return this.#started.reduce((sum, each) => sum + each, 0)
  }

  /** Resolves once every thread has told its last answer; rejects with what ended one. */
  async run(): Promise<void> {
    const ends = this.#workers.map((worker) => once(worker, 'exit'))
    for (const worker of this.#workers) worker.postMessage('begin', [])
    await Promise.all(ends)
  }

  /** Ends the load at once; requests under way are dropped and not counted. */
  stop(): void {
    for (const worker of this.#workers) void worker.terminate() // never rejects
  }
}
