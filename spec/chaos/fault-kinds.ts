// The faults of a chaos run: where each hits and how long one fault lasts.

import type { Chance, Span } from '../simulation/chance.ts'
import type { Faults } from '../../src/simulator/faults.ts'

/** What a fault hits. Faults of one place never overlap, those of different places do. */
export type Place = 'instances' | 'postgres' | 'redis' | 'processors' | 'operators'

interface FaultKind {
  readonly place: Place
  /** Length of one fault, ms. */
  readonly lastsMs: Span
  /** What it is, for the report. */
  readonly means: string
}

export const FAULT_KINDS = {
  kill: at('instances', [1000, 4000], 'kill -9 of one instance'),
  'kill-all': at('instances', [500, 2000], 'kill -9 of all instances at once'),
  pause: at('instances', [4500, 7000], 'one instance stopped for longer than its lease'),
  'pause-all': at('instances', [3500, 6000], 'all instances stopped for longer than their leases'),
  clock: at('instances', [3000, 6000], "one instance's clock set by 1 s to 1 h, and back"),
  doze: at('instances', [2000, 3600], 'one instance stopped for about as long as its lease'),
  'kill-draining': at('instances', [0, 600], 'SIGTERM, then kill -9 while it drains'),
  rolling: at('instances', [0, 0], 'SIGTERM and restart, one instance after another'),
  'order-drain': at('instances', [0, 0], 'one instance drained by an order, and restarted'),
  'postgres-stop': at('postgres', [500, 3000], 'PostgreSQL stopped and started'),
  'postgres-kill': at('postgres', [500, 2000], 'PostgreSQL killed and started'),
  'postgres-hang': at('postgres', [1000, 5000], 'PostgreSQL hangs'),
  'postgres-stutter': at('postgres', [2000, 5000], 'PostgreSQL hangs again and again'),
  'postgres-cut': at('postgres', [1000, 3000], 'connections to PostgreSQL cut, also in commits'),
  'postgres-lost': at('postgres', [1000, 4000], 'PostgreSQL commits and its answer is lost'),
  'postgres-full': at('postgres', [1000, 4000], 'PostgreSQL out of connections'),
  'postgres-clock': at('postgres', [4000, 7000], "PostgreSQL's clock set by 1 s to 1 h, and back"),
  'postgres-read-only': at('postgres', [1000, 4000], 'PostgreSQL read-only'),
  'postgres-refuse': at('postgres', [1000, 4000], 'statements refused or late, as drawn'),
  'postgres-held': at('postgres', [1000, 6000], 'a lock or an old snapshot held'),
  'postgres-broken': at('postgres', [1000, 4000], 'connections end or fall silent at any byte'),
  'redis-stop': at('redis', [500, 4000], 'Redis stopped and started, empty'),
  'redis-empty': at('redis', [0, 0], 'Redis emptied'),
  'redis-hang': at('redis', [1000, 5000], 'Redis hangs'),
  'redis-full': at('redis', [1000, 5000], 'Redis full'),
  slow: at('processors', [2000, 4000], 'answers after the time-out, records all the same'),
  'fail-before': at('processors', [2000, 4000], '500, not recorded'),
  'fail-after': at('processors', [2000, 4000], '500, recorded'),
  'reset-before': at('processors', [2000, 4000], 'connection reset, not recorded'),
  'reset-after': at('processors', [2000, 4000], 'connection reset, recorded'),
  'reset-then-record': at('processors', [2000, 4000], 'connection reset, recorded later'),
  cut: at('processors', [2000, 4000], 'answer cut in its middle, recorded'),
  drip: at('processors', [2000, 4000], 'answer byte by byte, recorded'),
  empty: at('processors', [2000, 4000], 'empty answer, recorded'),
  huge: at('processors', [1000, 3000], 'answer of 8 MiB, recorded'),
  'not-json': at('processors', [2000, 4000], 'answer in HTML, recorded'),
  limited: at('processors', [2000, 4000], '429 to all charges'),
  flap: at('processors', [4000, 6000], 'failing every other second'),
  'look-up-fail': at('processors', [2000, 4000], 'look-ups fail, charges 500'),
  'look-up-late': at('processors', [2000, 4000], 'look-ups late, charges 500'),
  'look-up-stale': at('processors', [2000, 4000], 'look-ups lag behind, charges 500'),
  proxy: at('processors', [1000, 8000], 'a proxy before one processor behaves as drawn'),
  'proxy-both': at('processors', [1000, 6000], 'a proxy before both behaves as drawn'),
  name: at('processors', [1000, 6000], "a processor's name hangs, fails or changes"),
  gone: at('processors', [2000, 6000], 'connections to one processor cut and refused'),
  'both-gone': at('processors', [3000, 8000], 'connections to both cut and refused'),
  // In runs of ten minutes and more, see LONG_EVERY of the plan.
  'both-gone-minutes': at('processors', [60_000, 120_000], 'both gone for minutes'),
  'order-pause': at('operators', [1000, 4000], 'a processor paused by an order, and resumed'),
  'order-open': at('operators', [1000, 4000], 'a circuit held open by an order, for a time'),
  'order-closed': at('operators', [1000, 4000], 'a circuit held closed by an order, for a time'),
} as const satisfies Readonly<Record<string, FaultKind>>

export type FaultName = keyof typeof FAULT_KINDS

export const FAULT_NAMES = Object.keys(FAULT_KINDS) as readonly FaultName[]

export function setsClock(name: FaultName): boolean {
  return name === 'clock' || name === 'postgres-clock'
}

function at(place: Place, lastsMs: Span, means: string): FaultKind {
  return { place, lastsMs, means }
}

/** What a simulator is told; undefined for faults of another kind. */
export function drawSwitches(name: FaultName, chance: Chance): Partial<Faults> | undefined {
  const seed = chance.below(2 ** 32)
  const share = chance.pick([0.3, 0.7, 1])
  const charge = drawCharge(name, chance, share)
  if (charge !== undefined) return { seed, charge: [charge] }
  const lookUp = drawLookUp(name, chance, share)
  if (lookUp !== undefined) return { seed, charge: ANSWERED_500, lookUp: [lookUp] }
  return name === 'flap' ? { seed, flapMs: 1000 } : undefined
}

/** Charges that make Pit look up what came of them. */
const ANSWERED_500: Faults['charge'] = [
  { kind: 'failAfterRecord', share: 0.3 },
  { kind: 'failBeforeRecord', share: 0.2 },
]

function drawCharge(
  name: FaultName,
  chance: Chance,
  share: number,
): Faults['charge'][number] | undefined {
  const delayMs = (span: Span): number => Math.round(chance.between(span))
  switch (name) {
    case 'slow':
      // Longer than ATTEMPT_TIMEOUT_MS, shorter than IN_DOUBT_HORIZON_MS with room for the network.
      return { kind: 'slow', share, delayMs: delayMs([8500, 12_000]) }
    case 'fail-before':
      return { kind: 'failBeforeRecord', share }
    case 'fail-after':
      return { kind: 'failAfterRecord', share, status: chance.pick([500, 502, 503, 504]) }
    case 'reset-before':
      return { kind: 'resetBeforeRecord', share }
    case 'reset-after':
      return { kind: 'resetAfterRecord', share }
    case 'reset-then-record':
      return { kind: 'resetThenRecord', share, delayMs: delayMs([50, 9000]) }
    case 'cut':
      return { kind: 'cutAnswer', share }
    case 'drip':
      return { kind: 'dripAnswer', share, delayMs: delayMs([10, 400]) }
    case 'empty':
      return { kind: 'emptyAnswer', share }
    case 'huge':
      // Each is built and sent by the simulator, on the same machine as everything else.
      return { kind: 'hugeAnswer', share: 0.1 }
    case 'not-json':
      return { kind: 'notJsonAnswer', share }
    case 'limited':
      return { kind: 'limited', share: 1 }
    default:
      return undefined
  }
}

function drawLookUp(
  name: FaultName,
  chance: Chance,
  share: number,
): Faults['lookUp'][number] | undefined {
  const delayMs = (span: Span): number => Math.round(chance.between(span))
  switch (name) {
    case 'look-up-fail':
      return { kind: 'fail', share, status: chance.pick([500, 503]) }
    case 'look-up-late':
      return { kind: 'late', share, delayMs: delayMs([300, 3000]) }
    case 'look-up-stale':
      // Within LOOKUP_LAG_MS: a processor that lags behind further is outside of what Pit promises.
      return { kind: 'stale', share, delayMs: delayMs([50, 400]) }
    default:
      return undefined
  }
}
