// What an instance that only rehearses works with: the real ledger and settled set, asked for what
// changes nothing in them, and a processor that settles whatever it is charged with.

import { LeaseLost, LedgerUnavailable } from '../../actors/model/errors.ts'
import type { CommandLedger } from '../../actors/model/operator.ts'
import type { Clock, Ledger, SettledSet } from '../../actors/model/ports.ts'
import { json } from '../../http/problem.ts'
import { Responder } from '../../http/responder.ts'
import type { WebServer } from '../../server/web-server.ts'

/** PostgreSQL counts leases from 1: what names this one is written for nobody. */
const NOBODYS_LEASE = 0

/**
 * Sends PostgreSQL the statements of a payment's life, and answers as if they had been carried out.
 * An accept names a lease that nobody holds, so that no row is written; a record and a summary name
 * payments that are in no table, and find none. All else is answered here.
 */
export function harmlessLedger(ledger: Ledger, clock: Clock): Ledger {
  return {
    async accept(batch, { parked }) {
      await ledger.accept(batch, { leaseId: NOBODYS_LEASE, parked }).catch(exceptLeaseLost)
      return { results: batch.map(() => 'accepted'), purges: 0 }
    },
    async record(outcomes) {
      await ledger.record(outcomes, { leaseId: NOBODYS_LEASE })
      return []
    },
    summarize: (window, unflushed) => ledger.summarize(window, unflushed),
    acquireLease: () => Promise.resolve({ leaseId: NOBODYS_LEASE, ledgerNow: clock.wallNow() }),
    renewLease: () => Promise.resolve({ held: true, purges: 0, ledgerNow: clock.wallNow() }),
    releaseLease: () => Promise.resolve(),
    ...NOTHING_OWNED,
    find: () => Promise.resolve(undefined),
    findControl: () => Promise.resolve({ kind: 'none' }),
    purge: () => Promise.resolve({ purges: 0 }),
    ...NOTHING_ORDERED,
    close: () => Promise.resolve(),
  }
}

/** What a ledger says that has no payment to be claimed. */
export const NOTHING_OWNED: Pick<
  Ledger,
  'claimDue' | 'claimParked' | 'listParked' | 'countOpen' | 'takeOver' | 'listOwned' | 'reclaim'
> = {
  claimDue: () => Promise.resolve([]),
  claimParked: () => Promise.resolve([]),
  listParked: () => Promise.resolve([]),
  countOpen: () => Promise.resolve({ parked: 0, owned: 0, oldestMs: 0 }),
  takeOver: () => Promise.resolve({ payments: [], leases: [], commands: 0 }),
  listOwned: () => Promise.resolve([]),
  reclaim: () => Promise.resolve([]),
}

/** What a ledger says in which nobody has ordered anything. */
export const NOTHING_ORDERED: CommandLedger = {
  giveCommand: () => Promise.reject(new LedgerUnavailable('giveCommand', 'none')),
  readOrders: () => Promise.resolve({ last: 0, holds: [], pending: [] }),
  noteMet: () => Promise.resolve(),
  resolvePayment: () => Promise.resolve(),
  listCommands: () => Promise.resolve([]),
}

/** What an accept of a lease that nobody holds is answered, after both its statements. */
function exceptLeaseLost(error: unknown): void {
  if (!(error instanceof LeaseLost)) throw error
}

/**
 * A settled set that changes nothing: the real one is asked only to remove what was never added,
 * and what other instances have in it is read and left out.
 */
export function harmlessSettledSet(settledSet: SettledSet): SettledSet {
  return {
    add: (entries) => settledSet.remove(entries.map(({ correlationId }) => correlationId)),
    remove: (correlationIds) => settledSet.remove(correlationIds),
    async read() {
      await settledSet.read()
      return []
    },
    clear: () => Promise.resolve(),
  }
}

export interface HarmlessProcessor {
  readonly url: string
  close(): void
}

/** Listens on a free port of the loopback. Rejects with `ListenFailed`. */
export async function startHarmlessProcessor(webServer: WebServer): Promise<HarmlessProcessor> {
  const app = webServer.createApp()
  app.post('/payments', (response) => {
    const responder = new Responder(response, 'post', CONNECTIONS)
    response.onData((_, isLast) => {
      if (isLast) responder.answer(SETTLED)
    })
  })
  app.get('/payments/service-health', (response) =>
    new Responder(response, 'get', CONNECTIONS).answer(WELL),
  )
  const listening = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url: `http://127.0.0.1:${listening.port}`,
    close() {
      listening.stop()
      app.close()
    },
  }
}

const CONNECTIONS = { draining: false }
const SETTLED = json('{"message":"payment processed successfully"}')
const WELL = json('{"failing":false,"minResponseTime":0}')
