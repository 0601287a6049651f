// CPU and memory shares of the compose file, so that a limited local run has the very same numbers.

import { readCompose, type ComposeEntry } from './compose-file.ts'

/** What one service may use. */
export interface Share {
  /** Cores, fractions allowed. */
  readonly cpus: number
  /** Hard memory limit, bytes; page cache counts. */
  readonly memoryBytes: number
}

/** By the service's name in docker-compose.yml. */
export type Shares = Readonly<Record<string, Share>>

/**
 * Reads the shares of every service that always runs, so not of those with a profile; one without
 * both limits is an error.
 */
export function readShares(composePath: string): Shares {
  const shares: Record<string, Share> = {}
  for (const [name, service] of Object.entries(readCompose(composePath))) {
    if (service.profiles === undefined) shares[name] = shareOf(name, service)
  }
  return shares
}

function shareOf(name: string, service: ComposeEntry): Share {
  const cpus = Number(service.cpus)
  const memoryBytes = bytesOf(service.memory)
  if (!(cpus > 0) || !(memoryBytes > 0)) {
    throw new Error(`compose file: ${name} has no usable deploy.resources.limits`)
  }
  return { cpus, memoryBytes }
}

/** Compose counts in powers of 1024, as Docker does: 85M is 85 MiB. */
function bytesOf(text: string | undefined): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg])i?b?$/i.exec(text ?? '')
  if (match === null) return Number.NaN
  const powers: Record<string, number> = { k: 1, m: 2, g: 3 }
  return Math.round(Number(match[1]) * 1024 ** (powers[(match[2] ?? '').toLowerCase()] ?? 0))
}
