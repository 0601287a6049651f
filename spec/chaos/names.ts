// Names of the processors, which instances ask a name server of the run for: it hangs, fails, does not
// know them, or gives other addresses.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Chance } from '../simulation/chance.ts'
import { type NameServer, openNameServer, type Zone } from '../support/name-server.ts'

/** Nothing listens there. */
const DEAD = '127.0.0.9'
const ALIVE = '127.0.0.1'

export type NameTrouble = Zone[string] | 'unknown'

const TROUBLES: readonly NameTrouble[] = [
  'silent',
  'failing',
  'unknown',
  [],
  [DEAD],
  [DEAD, ALIVE],
  [ALIVE, DEAD, '127.0.0.8'],
]

export function drawNameTrouble(chance: Chance): NameTrouble {
  return chance.pick(TROUBLES)
}

export function describeNameTrouble(trouble: NameTrouble): string {
  if (typeof trouble === 'string') return `its name is ${trouble}`
  return `its name has the addresses ${trouble.join(' and ') || 'none'}`
}

/** An instance needs a file system of its own, in which resolv.conf is another one. */
export function canChangeResolver(): boolean {
  const tried = spawnSync('unshare', [...UNSHARE, 'true', '/dev/null'])
  return tried.status === 0
}

const UNSHARE = [
  '--mount',
  '--propagation=private',
  'sh',
  '-c',
  'mount --bind "$1" /etc/resolv.conf && shift && exec "$0" "$@"',
]

export class Names {
  readonly #server: NameServer & { close(): void }
  readonly #resolvConf: string

  private constructor(server: NameServer & { close(): void }, dir: string) {
    this.#server = server
    this.#resolvConf = join(dir, 'resolv.conf')
    writeFileSync(this.#resolvConf, `nameserver ${server.server}\noptions timeout:1 attempts:2\n`)
  }

  static async open(dir: string): Promise<Names> {
    const names = new Names(await openNameServer({}), dir)
    for (const processor of ['default', 'fallback'] as const) names.heal(processor)
    return names
  }

  /** `address:port` of the name server. */
  get server(): string {
    return this.#server.server
  }

  /** What has to become an instance so that it asks here. */
  starter(): readonly string[] {
    return ['unshare', ...UNSHARE, 'env', this.#resolvConf]
  }

  /** The URL with a name in place of its address. */
  urlOf(processor: ProcessorName, url: string): string {
    return url.replace(ALIVE, nameOf(processor))
  }

  behave(processor: ProcessorName, trouble: NameTrouble): void {
    const { zone } = this.#server
    if (trouble === 'unknown') delete zone[nameOf(processor)]
    else zone[nameOf(processor)] = trouble
  }

  heal(processor: ProcessorName): void {
    this.behave(processor, [ALIVE])
  }

  close(): void {
    this.#server.close()
  }
}

function nameOf(processor: ProcessorName): string {
  return `${processor}.processors.test`
}
