// What every ledger has to do, whatever it is made of. Each adapter's spec runs all of it.

import type { Test } from 'tap'
import type { Ledger } from '../../src/actors/model/ports.ts'
import { commandsContract } from './ledger-commands.ts'
import { claimsContract } from './ledger-claims.ts'
import { controlsContract } from './ledger-controls.ts'
import { leasesContract } from './ledger-leases.ts'
import { recordContract } from './ledger-record.ts'
import { resolvingContract } from './ledger-resolving.ts'
import { summariesContract } from './ledger-summaries.ts'
import { acceptContract } from './ledger-accept.ts'

/** An empty store, seen through the ledgers of two instances. */
export interface LedgerWorld {
  readonly first: Ledger
  readonly second: Ledger
  /** Lets time pass for the store: leases, due times, unknown outcomes and ages. */
  passTime(durationMs: number): Promise<void>
  /** Sets the store's clock, back where it is negative; no time passes. */
  stepClock(byMs: number): Promise<void>
}

/** Called for each test; what it gives is as good as new. */
export type MakeLedger = () => Promise<LedgerWorld>

export async function ledgerContract(t: Test, makeLedger: MakeLedger): Promise<void> {
  await t.test('accepting', (each) => acceptContract(each, makeLedger))
  await t.test('recording', (each) => recordContract(each, makeLedger))
  await t.test('claiming', (each) => claimsContract(each, makeLedger))
  await t.test('leases', (each) => leasesContract(each, makeLedger))
  await t.test('summaries', (each) => summariesContract(each, makeLedger))
  await t.test('commands', (each) => commandsContract(each, makeLedger))
  await t.test('resolving', (each) => resolvingContract(each, makeLedger))
  await t.test('controls', (each) => controlsContract(each, makeLedger))
}
