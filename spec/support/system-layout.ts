// The whole layout of processes for a spec: nginx, Redis, PostgreSQL, two Pits, two simulators.

import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import type { Test } from 'tap'
import { startLayout } from '../../bench/layout/layout.ts'
import type { PitPart } from '../../bench/layout/pit.ts'
import type { Layout } from '../../bench/layout/plan.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { type RemoteProcessors, compareBooks, remoteProcessors } from './books.ts'
import { runSql } from './postgres.ts'
import { missing } from './requirements.ts'
import { seeded } from './seeded.ts'
import { type PitClient, openPitClient } from './system-client.ts'

export interface SpecLayout {
  readonly layout: Layout
  readonly pits: readonly [PitPart, PitPart]
  readonly processors: RemoteProcessors
  /** Through nginx; its register holds all that any client of the current test posted. */
  readonly client: PitClient
  /** A client of each instance, on its own socket, with the same register. */
  readonly direct: readonly [PitClient, PitClient]
  /**
   * Forgets all payments, everywhere, once none is open: one that was refused may still have been
   * committed, and would land at a processor after its purge.
   */
  purge(): Promise<void>
  /** Waits for the settlement of all that was posted and compares the books, as a client sees them. */
  booksAgree(t: Test, through?: PitClient): Promise<void>
}

/** Why the layout cannot run here; under CI that is a failure of the spec. */
export function missingPrograms(): string | undefined {
  const programs = [
    ['nginx', '-v'],
    ['redis-server', '--version'],
  ] as const
  const absent = programs
    .filter(([name, flag]) => spawnSync(name, [flag]).status !== 0)
    .map(([name]) => name)
  return absent.length === 0 ? undefined : missing(`not on PATH: ${absent.join(', ')}`)
}

/** Starts all of it; stopped at the test's end. */
export async function startSpecLayout(
  t: Test,
  env: Readonly<Record<string, string>>,
): Promise<SpecLayout> {
  // Specs start instances often, and none is about how fast a payment is.
  const layout = await startLayout({ env: { WARM_UP_MS: '0', ...env } })
  t.teardown(() => layout.stop())
  const [first, second] = layout.pits
  assert(first !== undefined && second !== undefined && layout.processors !== undefined)
  const { default: one, fallback: other } = layout.processors
  const processors = remoteProcessors(t, { default: one.url, fallback: other.url })
  const client = openPitClient(t, layout.url)
  const direct = (pit: PitPart): PitClient => openPitClient(t, socketUrl(pit), client.register)
  return {
    layout,
    pits: [first, second],
    processors,
    client,
    direct: [direct(first), direct(second)],
    purge: async () => {
      await waitUntil({ what: 'no payment is open' }, async () => {
        const open = 'SELECT count(*) AS payments FROM payments WHERE state = 0'
        return Number((await runSql(layout.postgres.url, open))[0]?.['payments']) === 0
      })
      assert.equal(await client.status('POST', '/purge-payments'), 200)
      await processors.admin.default.purge()
      await processors.admin.fallback.purge()
      client.register.clear()
    },
    booksAgree: async (test, through = client) => {
      const books = { client: through, ledgers: processors }
      const seed = Date.now() % 1_000_000
      const faults = await compareBooks(books, seeded(seed))
      test.strictSame(faults, [], `the books agree (windows of seed ${seed})`)
    },
  }
}

function socketUrl({ listen }: PitPart): string {
  assert('socketPath' in listen)
  return `unix:${listen.socketPath}`
}
