// Orders that operators give in a chaos run, by `pit` over an instance, and what has to follow.

import { execFile } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import type { Part } from '../../bench/layout/part.ts'
import type { PitPart } from '../../bench/layout/pit.ts'
import { compiled } from '../../bench/layout/project.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { parseSamples } from '../../src/cli/samples.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { Chance } from '../simulation/chance.ts'
import type { PlannedFault } from './plan.ts'
import type { System } from './system.ts'

/**
 * What became of an order: all instances have answered it; it is in the ledger; or nobody knows, since
 * the instance that was asked, or its PostgreSQL, does not answer.
 */
export type Ordered = 'obeyed' | 'given' | 'unknown'

/** Until an order is certainly in the ledger, however PostgreSQL and instances are, ms. */
const GIVEN_WITHIN_MS = 60_000
const RETRY_MS = 300

/** Until a hold that is over has ended at each instance that can be asked, ms. */
const ENDED_WITHIN_MS = 30_000

/** For charges that were handed over before the pause: longer than CONNECT_TIMEOUT_MS, ms. */
const UNDERWAY_MS = 2000

const METRICS_TIMEOUT_MS = 2000

export interface OrdersOptions {
  readonly system: Pick<System, 'layout' | 'relays'>
  readonly downOnPurpose: ReadonlySet<Part>
  readonly note: (text: string) => void
}

export class Orders {
  readonly #system: OrdersOptions['system']
  readonly #downOnPurpose: ReadonlySet<Part>
  readonly #note: (text: string) => void
  /** Processors that may be held: a pause may be committed late, behind its resume. */
  readonly #touched = new Set<ProcessorName>()

  constructor({ system, downOnPurpose, note }: OrdersOptions) {
    this.#system = system
    this.#downOnPurpose = downOnPurpose
    this.#note = note
  }

  /** Rejects when an order is not followed as it has to be. */
  async inject(fault: PlannedFault): Promise<void> {
    const processor = orderedProcessor(fault)
    this.#touched.add(processor)
    if (fault.name === 'order-pause') await this.#pauseFor(processor, fault.lastsMs)
    else {
      const to = fault.name === 'order-open' ? 'open' : 'closed'
      await this.#holdFor(processor, to, fault.lastsMs)
    }
  }

  /** Resolves once nothing is held any more by what was ordered. */
  async end(): Promise<void> {
    for (const processor of this.#touched) await this.#insist(['resume', processor])
  }

  /** Resolves once the instance has ended. */
  async drain(pit: PitPart): Promise<void> {
    // Where the answer to the order is lost it is given again, and refused once the instance has ended.
    await this.#insist(['drain', pit.name], () => pit.pid === undefined)
    await pit.ended()
  }

  async #pauseFor(processor: ProcessorName, lastsMs: number): Promise<void> {
    const ordered = await this.#give(['pause', processor])
    const sent = ordered === 'obeyed' ? await this.#countSends(processor, lastsMs) : null
    this.#note(`the pause of ${processor} is ${ordered}, ${sent ?? 'uncounted'} charges in it`)
    if (sent === null) await pause(lastsMs)
    await this.#insist(['resume', processor])
    if ((sent ?? 0) > 0)
      throw new Error(`${processor} was sent ${sent} charges while it was paused`)
  }

  /**
   * Charges that arrive while all instances obey. Null where one was stopped before what it had handed
   * over can have arrived.
   */
  async #countSends(processor: ProcessorName, lastsMs: number): Promise<number | null> {
    const relay = this.#system.relays[processor]
    const wasDisturbed = this.#downOnPurpose.size > 0
    await pause(UNDERWAY_MS)
    if (wasDisturbed || this.#downOnPurpose.size > 0) return null
    const before = relay.charges
    await pause(lastsMs)
    return relay.charges - before
  }

  async #holdFor(processor: ProcessorName, to: 'open' | 'closed', lastsMs: number): Promise<void> {
    const seconds = Math.ceil(lastsMs / 1000)
    const ordered = await this.#give(['hold', processor, to, '--for', `${seconds}s`])
    this.#note(`the hold of ${processor} is ${ordered}`)
    await pause(seconds * 1000)
    const what = `the hold of ${processor} ended by itself`
    await waitUntil({ what, withinMs: ENDED_WITHIN_MS }, async () => {
      const held = await Promise.all(this.#system.layout.pits.map((pit) => isHeld(pit, processor)))
      return !held.includes(true)
    })
  }

  async #insist(order: readonly string[], isObeyed = () => false): Promise<void> {
    const what = `the order ${order.join(' ')} given`
    await waitUntil({ what, withinMs: GIVEN_WITHIN_MS }, async () => {
      if ((await this.#give(order)) !== 'unknown' || isObeyed()) return true
      await pause(RETRY_MS)
      return false
    })
  }

  /** Over one instance after the other, until one has taken it. */
  async #give(order: readonly string[]): Promise<Ordered> {
    const { pits } = this.#system.layout
    // Whoever is about to be drained may be gone before the answer.
    const others = pits.filter(({ name }) => !order.includes(name))
    for (const pit of others) {
      const { code, out } = await runPit([...order, '--url', pit.opsUrl])
      const isByAll = pits.every(({ name }) => out.includes(`${name}: obeys`))
      if (code === 0) return isByAll || order[0] === 'drain' ? 'obeyed' : 'given'
      if (code === 1 && out !== '') return 'given'
    }
    return 'unknown'
  }
}

/** The one that an order is about, which its seed decides. */
export function orderedProcessor({ seed }: Pick<PlannedFault, 'seed'>): ProcessorName {
  return new Chance(seed).pick<ProcessorName>(['default', 'default', 'fallback'])
}

/** Undefined for an instance that cannot be asked. */
async function isHeld(pit: PitPart, processor: ProcessorName): Promise<boolean | undefined> {
  try {
    const signal = AbortSignal.timeout(METRICS_TIMEOUT_MS)
    const answer = await fetch(`${pit.opsUrl}/metrics`, { signal })
    const samples = parseSamples(await answer.text())
    const states = ['heldOpen', 'heldClosed']
    return states.some((state) => samples.sum('pit_circuit_state', { processor, state }) === 1)
  } catch {
    return undefined
  }
}

function runPit(args: readonly string[]): Promise<{ code: number; out: string }> {
  const words = [compiled('cli/cli.js'), ...args, '--reason', 'chaos', '--yes']
  return new Promise((resolve) => {
    execFile(process.execPath, words, (error, out) => {
      const code = error === null ? 0 : Number(error.code)
      resolve({ code, out })
    })
  })
}
