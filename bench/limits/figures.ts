// What a service used, from its cgroup or, when it runs without limits, from /proc.

/** Figures of one service since it was first started. */
export interface Figures {
  /** User and system time, seconds. */
  readonly cpuSeconds: number
  /** CFS periods in which it ran, and those in which its quota ran out; 0 when unlimited. */
  readonly periods: number
  readonly throttledPeriods: number
  /** Time for which it was frozen, seconds. */
  readonly throttledSeconds: number
  /** Bytes; within a cgroup with page cache, else the resident set of the processes now alive. */
  readonly memoryBytes: number
  readonly memoryPeakBytes: number
  /** The part of memoryBytes that is no file's: heaps and stacks, which cannot be dropped. */
  readonly memoryAnonBytes: number
  readonly oomKills: number
}
