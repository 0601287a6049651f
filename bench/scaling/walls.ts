// Where the next wall stands: what each part of the work costs, from runs, and how many payments a
// second a larger server then takes. Pure.

import { median, type Figures } from '../measure/figures.ts'
import type { Work } from './postgres-work.ts'

/** What one more call costs, and one more payment in it. */
export interface Line {
  readonly perCall: number
  readonly perPayment: number
}

/** What one run measured under a load, or without any. */
export interface Sample {
  readonly instances: number
  readonly load: 'idle' | 'steady' | 'saturation'
  /** Payments settled a second. */
  readonly perSecond: number
  /** By service, and by work of PostgreSQL as `postgres: accept`. */
  readonly services: Readonly<Record<string, Figures>>
}

/** CPU in µs. */
export interface Costs {
  readonly acceptUs: Line
  readonly settleUs: Line
  /** What PostgreSQL does in its background, per payment at saturation. */
  readonly backgroundUs: number
  readonly walBytes: number
  /** What an idle instance takes a second, of PostgreSQL and of its own process. */
  readonly idleUs: { readonly postgres: number; readonly pit: number }
  /** Per payment at saturation. */
  readonly pitUs: number
  readonly redisUs: number
  readonly nginxUs: number
  /** What a standby takes to write the log into its tables; undefined: there was none. */
  readonly replayUs: number | undefined
}

/** What is assumed, in addition to what was measured. */
export interface Server {
  readonly cores: number
  /** A commit, the wait for the standby included, ms. */
  readonly commitMs: number
  /** Sessions for instances, and what each has. */
  readonly sessions: number
  readonly sessionsPerInstance: number
  /** What the archiver moves a second. */
  readonly archivedPerSecond: number
  /** To the standby. */
  readonly linkBytesPerSecond: number
  /** Commits a second of one instance: of accepts, and of outcomes. */
  readonly acceptsPerSecond: number
  readonly flushesPerSecond: number
  /** Payments in one commit at most. */
  readonly batchMax: number
  /** Rows over which instances spread each total. */
  readonly shards: number
}

export interface Wall {
  readonly what: string
  /** The formula with its numbers. */
  readonly how: string
  /** Payments a second. */
  readonly perSecond: number
}

/** The line of least squares; with a slope of 0 where all calls carry as many payments. */
export function lineThrough(
  points: readonly { readonly callsPerPayment: number; readonly costPerPayment: number }[],
): Line {
  const mean = (of: (point: (typeof points)[number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / Math.max(1, points.length)
  const calls = mean((point) => point.callsPerPayment)
  const cost = mean((point) => point.costPerPayment)
  const spread = mean((point) => (point.callsPerPayment - calls) ** 2)
  const together = mean((point) => (point.callsPerPayment - calls) * (point.costPerPayment - cost))
  const perCall = spread === 0 ? 0 : together / spread
  return { perCall, perPayment: cost - perCall * calls }
}

/** Undefined where a load is missing among the runs. */
export function costsOf(samples: readonly Sample[]): Costs | undefined {
  const alone = samples.filter(({ services }) => services['standby'] === undefined)
  const idle = alone.filter(({ load }) => load === 'idle')
  const full = alone.filter(({ load }) => load === 'saturation')
  const loaded = alone.filter(({ load }) => load !== 'idle')
  if (idle.length === 0 || full.length === 0 || loaded.length === full.length) return undefined
  const lineOf = (work: string): Line =>
    lineThrough(
      loaded.map(({ services, perSecond }) => {
        const { callsPerSecond = 0, cpuUsPerPayment = 0 } = services[work] ?? {}
        return { callsPerPayment: callsPerSecond / perSecond, costPerPayment: cpuUsPerPayment }
      }),
    )
  const middle = (from: readonly Sample[], name: string, figure: string): number =>
    median(from.map(({ services }) => services[name]?.[figure] ?? 0))
  // Each further instance adds as much as the one before, so a line over their number tells it.
  const idleOf = (name: string): number =>
    lineThrough(
      idle.map(({ instances, services }) => {
        return { callsPerPayment: instances, costPerPayment: (services[name]?.['cpus'] ?? 0) * 1e6 }
      }),
    ).perCall
  const replays = samples.flatMap(({ services, load }) => {
    const cost = services['standby: startup']?.['cpuUsPerPayment']
    return cost === undefined || load !== 'saturation' ? [] : [cost]
  })
  return {
    acceptUs: lineOf('postgres: accept'),
    settleUs: lineOf('postgres: settle'),
    backgroundUs: median(full.map(backgroundOf)),
    walBytes: middle(full, 'postgres', 'walBytesPerPayment'),
    idleUs: { postgres: idleOf('postgres'), pit: idleOf('pits') },
    pitUs: middle(full, 'pits', 'cpuUsPerPayment'),
    redisUs: middle(full, 'redis', 'cpuUsPerPayment'),
    nginxUs: middle(full, 'nginx', 'cpuUsPerPayment'),
    replayUs: replays.length === 0 ? undefined : median(replays),
  }
}

/** What is left of PostgreSQL's CPU per payment without its sessions. */
function backgroundOf({ services }: Sample): number {
  const of = (name: string): number => services[name]?.['cpuUsPerPayment'] ?? 0
  const sessions = SESSIONS.reduce((sum, work) => sum + of(`postgres: ${work}`), 0)
  return Math.max(0, of('postgres') - sessions)
}

const SESSIONS: readonly Work[] = ['accept', 'settle', 'renewal', 'sweep', 'reads', 'bench']

/** The nearest one first. */
export function wallsOf(costs: Costs, server: Server): readonly Wall[] {
  const { acceptUs, settleUs, backgroundUs, idleUs, pitUs, redisUs, nginxUs } = costs
  const { sessions, sessionsPerInstance, shards } = server
  const ofPit = 1e6 / pitUs
  const instances = Math.floor(sessions / sessionsPerInstance)
  const { acceptsPerSecond, flushesPerSecond } = server
  const perInstanceUs =
    acceptsPerSecond * acceptUs.perCall + flushesPerSecond * settleUs.perCall + idleUs.postgres
  const perPaymentUs =
    acceptUs.perPayment + settleUs.perPayment + backgroundUs + perInstanceUs / ofPit
  const acceptUsOfBatch = acceptUs.perCall + server.batchMax * acceptUs.perPayment
  const cycleMs = server.commitMs + acceptUsOfBatch / 1000
  const flushesOfRow = 1000 / (server.commitMs + settleUs.perCall / 1000)
  const sharing = Math.max(1, Math.floor(flushesOfRow / flushesPerSecond))
  const walls: readonly Wall[] = [
    {
      what: 'the archive, on average over days',
      how: 'what the archiver moves a second',
      perSecond: server.archivedPerSecond,
    },
    {
      what: `sessions of PostgreSQL, ${instances} instances`,
      how: `⌊${sessions} / ${sessionsPerInstance}⌋ × 1 s / ${us(pitUs)}`,
      perSecond: instances * ofPit,
    },
    { what: 'Redis, one core', how: `1 s / ${us(redisUs)}`, perSecond: 1e6 / redisUs },
    { what: 'nginx, one worker', how: `1 s / ${us(nginxUs)}`, perSecond: 1e6 / nginxUs },
    {
      what: `PostgreSQL, ${server.cores} cores`,
      how:
        `${server.cores} s / (${us(acceptUs.perPayment)} + ${us(settleUs.perPayment)} + ` +
        `${us(backgroundUs)} + ${us(perInstanceUs)} of an instance / ${whole(ofPit)})`,
      perSecond: (server.cores * 1e6) / perPaymentUs,
    },
    {
      what: 'the log over the link to a standby',
      how: `${whole(server.linkBytesPerSecond)} bytes / ${whole(costs.walBytes)}`,
      perSecond: server.linkBytesPerSecond / costs.walBytes,
    },
    {
      what: 'one connection for accepts, of each instance',
      how:
        `${server.batchMax} / (${server.commitMs} ms + ${us(acceptUs.perCall)} + ` +
        `${server.batchMax} × ${us(acceptUs.perPayment)})`,
      perSecond: server.batchMax / (cycleMs / 1000),
    },
    {
      what: `rows of totals, ${sharing * shards} instances`,
      how: `${shards} rows × ⌊${whole(flushesOfRow)} / ${flushesPerSecond}⌋ × 1 s / ${us(pitUs)}`,
      perSecond: sharing * shards * ofPit,
    },
    ...(costs.replayUs === undefined
      ? []
      : [
          {
            what: 'a standby that replays the log, one core',
            how: `1 s / ${us(costs.replayUs)}`,
            perSecond: 1e6 / costs.replayUs,
          },
        ]),
  ]
  return walls.toSorted((one, other) => one.perSecond - other.perSecond)
}

/** Costs and walls as Markdown. */
export function formatWalls(costs: Costs, walls: readonly Wall[]): string {
  const line = ({ perCall, perPayment }: Line): string => `${us(perCall)} + ${us(perPayment)} × n`
  return [
    `What n payments cost PostgreSQL: accepted ${line(costs.acceptUs)}, settled ${line(costs.settleUs)}, ` +
      `in its background ${us(costs.backgroundUs)} × n. An idle instance: ` +
      `${us(costs.idleUs.postgres)}/s of PostgreSQL, ${us(costs.idleUs.pit)}/s of its own.`,
    [
      '| wall | calculated | payments/s |',
      '| --- | --- | ---: |',
      ...walls.map(({ what, how, perSecond }) => `| ${what} | ${how} | ${whole(perSecond)} |`),
    ].join('\n'),
  ].join('\n\n')
}

function us(cost: number): string {
  return `${cost >= 100 ? whole(cost) : cost.toFixed(1)} µs`
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
