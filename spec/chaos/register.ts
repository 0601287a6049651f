// What the clients of a chaos run posted and what they were told.

import type { Answer } from '../../bench/load/connection.ts'

export interface Posted {
  readonly amountCents: number
  /** When it was posted first, ms from the start of the load. */
  readonly atMs: number
  /** Whether a 202 was seen for it. */
  accepted: boolean
}

/** Answers that a client may never see, kept up to this many. */
const STRAYS_MAX = 50

export class Register {
  readonly payments = new Map<string, Posted>()
  /** By status, or by what went wrong. */
  readonly answers = new Map<string, number>()
  /** Sentences about answers that no fault excuses. */
  readonly strays: string[] = []
  accepted = 0
  slowestMs = 0

  add(correlationId: string, posted: Omit<Posted, 'accepted'>): void {
    this.payments.set(correlationId, { ...posted, accepted: false })
  }

  /** @param expected `conflict`: the id was accepted before with another amount. */
  note(
    correlationId: string,
    answer: Answer,
    request: { readonly expected: 'accepted' | 'conflict'; readonly tookMs: number },
  ): void {
    const key = answer.kind === 'answered' ? String(answer.status) : answer.cause
    this.answers.set(key, (this.answers.get(key) ?? 0) + 1)
    this.slowestMs = Math.max(this.slowestMs, request.tookMs)
    const isFine = key === '503' || key === (request.expected === 'conflict' ? '409' : '202')
    if (!isFine && key !== 'closed' && this.strays.length < STRAYS_MAX) {
      this.strays.push(`${correlationId} was answered ${key}, expected ${request.expected}`)
    }
    const posted = this.payments.get(correlationId)
    if (key !== '202' || request.expected !== 'accepted' || posted?.accepted !== false) return
    posted.accepted = true
    this.accepted += 1
  }
}
