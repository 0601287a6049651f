// Who operates Pit, what they may do, and what they have ordered.

import type { ProcessorName } from './payment.ts'

/** What a key opens, each with what stands before it: to look, and to give commands. */
export const SCOPES = ['view', 'operate'] as const
export type Scope = (typeof SCOPES)[number]

/** Whoever has shown a key. */
export interface Operator {
  /** As the file of keys has it, or `loopback`: there is no such file, and this machine is trusted. */
  readonly name: string
  readonly scope: Scope
}

/** The name of whoever sits at the machine, where there are no keys. */
export const LOOPBACK = 'loopback'

/**
 * Why a request to the operators' port was not carried out:
 * - `foreign`: by a page of another site, or under a name that anybody could point here;
 * - `noKey`, `unknownKey`: nobody has signed in, or with what is no key;
 * - `scope`: the key does not open this;
 * - `stale`: by a page of an earlier process, or of a session that has ended.
 */
export type AccessRefusal = 'foreign' | 'noKey' | 'unknownKey' | 'scope' | 'stale'

export function mayOperate({ scope }: Pick<Operator, 'scope'>): boolean {
  return scope === 'operate'
}

/** What an operator orders. Each is a row in the ledger: who, when, why, and what it met. */
export type Order =
  /** No charge goes to this processor until it is resumed. */
  | { readonly kind: 'pause'; readonly processor: ProcessorName }
  /** Ends a pause and a hold. */
  | { readonly kind: 'resume'; readonly processor: ProcessorName }
  /** Its circuit is held open or closed at all instances, whatever the processor answers. */
  | {
      readonly kind: 'hold'
      readonly processor: ProcessorName
      readonly to: 'open' | 'closed'
      readonly forMs: number
    }
  /** The instance of this id stops as by SIGTERM. */
  | { readonly kind: 'drain'; readonly instanceId: string }
  | ResolveOrder

/** What became of a payment in doubt, said by an operator in place of its processor. */
export type ResolveOrder =
  /**
   * Settled there, by a charge with that `requestedAt`, epoch ms; `unlisted`: also by one that no
   * attempt has that the ledger knows.
   */
  | {
      readonly kind: 'resolve'
      readonly correlationId: string
      readonly to: 'settled'
      readonly processor: ProcessorName
      readonly requestedAt: number
      readonly unlisted?: true
    }
  /** Not settled at these, and never to be: it may be charged again. */
  | {
      readonly kind: 'resolve'
      readonly correlationId: string
      readonly to: 'never'
      readonly processors: readonly ProcessorName[]
    }

/**
 * What the order to resolve a payment met:
 * - `resolved`: it was parked in doubt, and the order was carried out;
 * - `notInDoubt`: it is open and not in doubt at any processor that the order names;
 * - `busy`: an instance works on it, and it is not in doubt there;
 * - `owned`: an instance has it and did not hand it back in time;
 * - `settled`, `rejected`: it is final; `unknown`: there is no such payment;
 * - `untimely`: no attempt has that `requestedAt`, and it lies before the payment was accepted or later
 *   than now; `unlisted`: attempts at that processor are known, none has it, and the order is not
 *   for such a one.
 * Only `resolved` changes anything.
 */
export type ResolveMet =
  | 'resolved'
  | 'notInDoubt'
  | 'busy'
  | 'owned'
  | 'settled'
  | 'rejected'
  | 'unknown'
  | 'untimely'
  | 'unlisted'

/** How far a clock by which charges are sent may be from the ledger's, ms. */
export const CLOCKS_APART_MS = 60_000

/** What stands beside `untimely` and `unlisted` in the result, epoch ms. */
export interface InstantsThatFit {
  readonly acceptedAt: number
  /** Those of the attempts at that processor that the ledger knows, the oldest first. */
  readonly requestedAt: readonly number[]
}

/** What any other order met at an instance: the state of the circuit that it is about, if any. */
export type CommandMet =
  | { readonly circuit?: string }
  /** Its kind: this instance does not know it, and obeys nothing. */
  | { readonly notUnderstood: string }

export type OrderKind = Order['kind']

/**
 * What is ordered about many payments at once: to look up parked ones in doubt now, to send rejected
 * ones through again. No instance has to obey it: whoever gives it carries it out in the ledger.
 */
export type PacedKind = 'lookUp' | 'redrive'

/** What such a command waits for, in place of instances. */
export const ITSELF = 'the command itself'

/** Between two batches of such a command no longer time passes, ms, unless it was interrupted. */
export const SILENT_MAX_MS = 120_000

export interface NewCommand {
  readonly order: Order
  /** The name of a key, or `loopback`. */
  readonly by: string
  readonly via: 'console' | 'cli'
  readonly reason: string
}

/** A command as the ledger has it. */
export interface CommandRow {
  /** Higher than that of each command before it. */
  readonly id: number
  /** By PostgreSQL's clock, epoch ms. */
  readonly at: number
  readonly by: string
  readonly via: string
  readonly kind: string
  /** What else was ordered, a JSON object. */
  readonly payload: unknown
  readonly reason: string
  /** Epoch ms; null: it stands until another one ends it, or was for once. */
  readonly until: number | null
  /** The instances that have to say what it met. */
  readonly awaited: readonly string[]
  /** What it met, by instance. */
  readonly result: Readonly<Record<string, unknown>>
  /** When the last of those had said so, epoch ms; null: not yet. */
  readonly doneAt: number | null
  /** Whether whoever carried it out has gone before its end. */
  readonly isInterrupted: boolean
}

/** A circuit that is held; what its processor answers changes nothing about that. */
export interface Hold {
  readonly processor: ProcessorName
  readonly command: number
  readonly kind: 'pause' | 'hold'
  readonly to: 'open' | 'closed'
  readonly by: string
  readonly reason: string
  /** ms from when it was read; null: until a resume. */
  readonly endsInMs: number | null
}

/** A command of which an instance has not said yet what it met there. */
export interface PendingCommand {
  readonly id: number
  readonly kind: string
  /** The one that it is about, if it is about one. */
  readonly processor: ProcessorName | null
  /** To which a hold holds its circuit; null for any other order. */
  readonly heldTo: string | null
  /** The payment that it is about, if it is about one. */
  readonly correlationId: string | null
  readonly by: string
  readonly reason: string
}

/** What stands at one moment. */
export interface Orders {
  /** The id of the last command; 0 without any. */
  readonly last: number
  readonly holds: readonly Hold[]
  /** The oldest first. */
  readonly pending: readonly PendingCommand[]
}

export interface ResolveRequest {
  /** The command that is carried out. */
  readonly id: number
  readonly instanceId: string
  /** Whether this instance works on the payment and knows that it is not in doubt. */
  readonly isBusy: boolean
}

/** How long an instance may take to hand a payment back that is to be resolved, ms. */
export const RESOLVE_FOR_MS = 30_000

/** The commands in the ledger. Promises reject as those of the others there. */
export interface CommandLedger {
  /**
   * Appends a command. A purge spares them all. Rejects also with `NoSuchInstance`: a drain is for an
   * instance that lives, as far as any is known to.
   */
  giveCommand(command: NewCommand): Promise<CommandRow>
  /** What stands now, and what this instance has not answered of the commands after `after`. */
  readOrders(request: { instanceId: string; after: number }): Promise<Orders>
  /** Notes what a command met at an instance; the last awaited one ends it. */
  noteMet(request: { id: number; instanceId: string; met: CommandMet }): Promise<void>
  /**
   * Carries out the order to resolve a payment, and notes in the same transaction what it met, which
   * ends the command. Its fencing token goes up: what an earlier owner decides of it is not written.
   * While an instance has the payment nothing is done, until that one has handed it back or, since the
   * order was given, `RESOLVE_FOR_MS` have passed; at once where it is `busy` there. What has ended
   * already, and what is no such order, stays as it is.
   */
  resolvePayment(request: ResolveRequest): Promise<void>
  /** The newest first. */
  listCommands(request: { limit: number; before?: number }): Promise<readonly CommandRow[]>
}
