// Watches the load generator itself: what it was late is in every latency that it reports.

import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface SelfReport {
  /** How late this process's own timers fired, ms. */
  readonly delayP99Ms: number
  readonly delayMaxMs: number
  /** CPU time of this process, all threads, per second of the load: 1 is a whole core. */
  readonly cpuShare: number
}

export class SelfWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #startedAt = performance.now()
  readonly #cpu = process.cpuUsage()

  constructor() {
    this.#delay.enable()
  }

  /** Ends the watch. */
  stop(): SelfReport {
    this.#delay.disable()
    const { user, system } = process.cpuUsage(this.#cpu)
    const elapsedUs = (performance.now() - this.#startedAt) * 1000
    return {
      delayP99Ms: toDelayMs(this.#delay.percentile(99)),
      delayMaxMs: toDelayMs(this.#delay.max),
      cpuShare: Number(((user + system) / elapsedUs).toFixed(3)),
    }
  }
}

/** The monitor gives ns between firings; what is above its own interval is delay. */
function toDelayMs(betweenNs: number): number {
  return Number(Math.max(0, betweenNs / 1e6 - RESOLUTION_MS).toFixed(2))
}

/** Coarse, so that watching costs nothing that the load would feel. */
const RESOLUTION_MS = 10
