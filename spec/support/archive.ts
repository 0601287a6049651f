// A ledger whose payments a spec archives when it says so.

import type { Test } from 'tap'
import type { Ledger } from '../../src/actors/model/ports.ts'
import type { SettledPayment } from '../../src/actors/model/payment.ts'
import {
  archiveOnce,
  type ArchivePass,
  type ArchivePassOptions,
  type ArchiveSettings,
} from '../../src/infra/postgres/archive-pass.ts'
import { openConnection, type PostgresConnection } from '../../src/infra/postgres/connection.ts'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { GIVE_UP_MS } from '../../bench/layout/wait.ts'
import { lease, settled, uuid } from '../contracts/ledger-words.ts'
import { LEDGER, runSql, type SpecPostgres } from './postgres.ts'

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS
/** When the spec began, epoch ms. */
export const NOW = Date.now()

export function payment(
  n: number,
  ageMs: number,
  more: Partial<SettledPayment> = {},
): SettledPayment {
  return {
    correlationId: uuid(n),
    processor: 'default',
    requestedAt: NOW - ageMs,
    amountCents: 1_990,
    ...more,
  }
}

export interface ArchivedWorld {
  readonly url: string
  readonly ledger: Ledger
  readonly leaseId: number
  /** One pass, of what is an hour old. */
  archive(settings?: Partial<ArchivePassOptions>): Promise<ArchivePass | undefined>
  sql: (text: string) => ReturnType<typeof runSql>
  /** Accepts these payments and settles them, as old as their instants say. */
  settle(payments: readonly SettledPayment[]): Promise<void>
  /** Payments in the hot tables, archived, and known. */
  counts(): Promise<readonly [hot: number, archived: number, known: number]>
}

export async function startArchived(t: Test, postgres: SpecPostgres): Promise<ArchivedWorld> {
  const url = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({
    ...LEDGER,
    connectionString: url,
    // What waits is released by the spec, however late that is.
    acceptTimeoutMs: GIVE_UP_MS,
    statementTimeoutMs: GIVE_UP_MS,
    lockTimeoutMs: GIVE_UP_MS,
  })
  const connection = await openArchiving(t, url)
  t.teardown(() => ledger.close())
  const { leaseId } = await lease(ledger)
  // As the pass before has left it.
  await runSql(url, 'UPDATE applied_migrations SET needs_code = 3 WHERE number = 3')
  return {
    url,
    ledger,
    leaseId,
    archive: (settings) => archiveOnce(connection, { ...SETTINGS, ...settings }),
    sql: (text) => runSql(url, text),
    settle: async (payments) => {
      await ledger.accept(payments, { leaseId, parked: false })
      const outcomes = payments.map((payment, index) => settled(index, payment))
      await ledger.record(outcomes, { leaseId })
      await runSql(
        url,
        `UPDATE payments SET accepted_at = to_timestamp(requested_at_ms / 1000.0) WHERE state = 1`,
      )
    },
    counts: async () => {
      const rows = await runSql(
        url,
        `SELECT (SELECT count(*)::int FROM payments) AS hot,
          (SELECT count(*)::int FROM archived_payments) AS archived,
          (SELECT count(*)::int FROM known_payments) AS known`,
      )
      return [Number(rows[0]?.['hot']), Number(rows[0]?.['archived']), Number(rows[0]?.['known'])]
    },
  }
}

export const SETTINGS: ArchiveSettings = {
  afterMs: HOUR_MS,
  rateMax: 1_000_000,
  keepMs: undefined,
  knownMs: undefined,
}

/** A session as the archiver has one. */
export async function openArchiving(t: Test, url: string): Promise<PostgresConnection> {
  const connection = await openConnection({
    connectionString: url,
    applicationName: 'pit archiving',
    target: 'read-write',
    connectTimeoutMs: GIVE_UP_MS,
    statementTimeoutMs: GIVE_UP_MS,
  })
  t.teardown(() => connection.destroy())
  return connection
}
