// What a payment's actor is told. Instants arrive in events: the machine reads no clock.

import type { ProcessorName, RouteReason } from '../model/payment.ts'

/** Where a payment may go next, worked out by its parent at that moment; `to: null` means wait. */
export interface NextRoute {
  readonly to: ProcessorName | null
  readonly reason: RouteReason
  /** Stamp for the attempt if one is made now, epoch ms. */
  readonly requestedAt: number
}

/** How a charge ended; `tookMs` from the sending to the answer, `at` monotonic ms. */
interface ChargeEnd {
  readonly tookMs: number
  readonly detail: string
}

export type PaymentEvent =
  | ({ readonly type: 'charge.settled' } & ChargeEnd)
  | ({ readonly type: 'charge.rejected' } & ChargeEnd)
  | ({ readonly type: 'charge.refused'; readonly next: NextRoute } & ChargeEnd)
  /** 500: refused only if a look-up at `endsAt` (monotonic ms) does not find it. */
  | ({ readonly type: 'charge.failed'; readonly endsAt: number } & ChargeEnd)
  /** 422: the processor has it from an earlier request; the look-up tells which. */
  | ({ readonly type: 'charge.known'; readonly endsAt: number } & ChargeEnd)
  /** May have been processed, or still may be until `endsAt` (monotonic ms). */
  | ({ readonly type: 'charge.doubted'; readonly endsAt: number } & ChargeEnd)
  | {
      readonly type: 'lookup.found'
      readonly processor: ProcessorName
      readonly requestedAt: number
    }
  | {
      readonly type: 'lookup.missing'
      readonly processor: ProcessorName
      /** Monotonic instant at which the look-up was sent, ms. */
      readonly askedAt: number
      readonly next: NextRoute
    }
  | { readonly type: 'lookup.failed'; readonly processor: ProcessorName }
  /** Time for the next look-up; with `resend`, the pinned processor takes requests again. */
  | { readonly type: 'lookup.due'; readonly resend: boolean }
  | { readonly type: 'backoff.elapsed'; readonly next: NextRoute }
  /** Leave as you are: the instance drains or holds too many payments in doubt. */
  | { readonly type: 'payment.recalled'; readonly endsAt: number }
