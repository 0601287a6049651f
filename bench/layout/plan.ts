// What a layout is asked to be, and what it then is.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Shares } from '../limits/shares.ts'
import type { Part } from './part.ts'
import type { PitPart } from './pit.ts'
import type { PostgresPart } from './postgres.ts'
import type { RedisPart } from './redis.ts'

export interface LayoutOptions {
  /** Folder for data, sockets and logs, kept afterwards; absent: a temporary one, removed. */
  readonly dir?: string
  /** Starts others in the place of PostgreSQL and Redis, such as clusters of them. */
  readonly stores?: (place: StoresPlace) => Promise<Stores>
  /** Pit processes; 2 unless said otherwise. */
  readonly instances?: number
  /** What runs beside them; all of it unless switched off. */
  readonly redis?: boolean
  readonly nginx?: boolean
  /** Processors that others run, or none at all; absent: two simulators, which are started. */
  readonly processors?: ProcessorUrls | 'none'
  /** Shares of each part (see readShares); absent: no limits. */
  readonly limits?: Shares | undefined
  /** Environment of every Pit; wins over the compose file's. */
  readonly env?: Readonly<Record<string, string>>
  /** Compiled program that runs as each Pit; absent: Pit itself. */
  readonly program?: string
  /** Settings of PostgreSQL that win over compose/postgresql.conf, by name. */
  readonly postgresSettings?: Readonly<Record<string, string>>
  /** Program that becomes PostgreSQL or an instance, by its name; empty: none. */
  readonly starterOf?: (name: string) => readonly string[]
  /** Fixed ports; a free one for each that is absent. */
  readonly ports?: Partial<LayoutPorts>
}

/** What those who start PostgreSQL and Redis get. */
export interface StoresPlace {
  readonly dir: string
  readonly ports: LayoutOptions['ports']
  readonly starterOf: LayoutOptions['starterOf']
  /** Starts a part of the layout, which ends with it. */
  readonly started: <Kind extends Part>(part: Kind) => Promise<Kind>
}

export interface Stores {
  readonly postgres: PostgresPart
  readonly redis: RedisPart | undefined
}

/** Base URLs, `http://host:port`. */
export type ProcessorUrls = Readonly<Record<ProcessorName, string>>

export interface LayoutPorts {
  readonly nginx: number
  readonly redis: number
  readonly postgres: number
  readonly default: number
  readonly fallback: number
}

/** A running layout. */
export interface Layout {
  /** Where clients call: nginx, or without it the first Pit. */
  readonly url: string
  readonly dir: string
  readonly pits: readonly PitPart[]
  readonly postgres: PostgresPart
  readonly redis: RedisPart | undefined
  readonly nginx: Part | undefined
  /** The simulators, or those that others run. */
  readonly processors: Readonly<Record<ProcessorName, { readonly url: string }>> | undefined
  /** All that was started, in the order of the start. */
  readonly parts: readonly Part[]
  /** Ends everything, whatever state it is in; may be called again. */
  stop(): Promise<void>
}
