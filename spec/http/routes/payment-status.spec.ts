// How the status of a payment is written, on each server.

import type { PaymentStatus } from '../../../src/actors/model/payment.ts'
import { call, ID, onEachServer, startEdge } from '../edge-under-test.ts'

onEachServer('a payment’s status has decimals and ISO instants', async (t) => {
  const at = Date.UTC(2025, 7, 9, 12)
  const paymentStatus: PaymentStatus = {
    correlationId: ID,
    amountCents: 1990,
    state: 'settled',
    acceptedAt: at,
    processor: 'fallback',
    requestedAt: at + 5,
    attempts: [
      {
        processor: 'fallback',
        requestedAt: at + 5,
        reason: 'cheaperOpen',
        outcome: 'settled',
        tookMs: 7.25,
        detail: 'http 200',
      },
    ],
  }
  const edge = await startEdge(t, {
    supervise: (request) => {
      if (request.type !== 'payment.requested') return
      request.replyTo({ kind: 'found', value: paymentStatus })
    },
  })

  const answer = await call(edge, 'GET', `/payments/${ID.toUpperCase()}`)

  t.match(answer, { status: 200, headers: { 'content-type': 'application/json' } })
  t.match(answer.text, `{"correlationId":"${ID}","amount":19.90,"state":"settled",`)
  t.same(JSON.parse(answer.text), {
    correlationId: ID,
    amount: 19.9,
    state: 'settled',
    acceptedAt: '2025-08-09T12:00:00.000Z',
    processor: 'fallback',
    requestedAt: '2025-08-09T12:00:00.005Z',
    attemptsTotal: 1,
    attempts: [{ ...paymentStatus.attempts[0], requestedAt: '2025-08-09T12:00:00.005Z' }],
  })
  t.match(edge.requests, [{ correlationId: ID }])
})

onEachServer('of a reduced payment is told what is kept', async (t) => {
  const value: PaymentStatus = {
    correlationId: ID,
    amountCents: 1990,
    state: 'settled',
    acceptedAt: undefined,
    requestedAt: 0,
    attempts: [],
    reduced: true,
  }
  const edge = await startEdge(t, {
    supervise: (request) => {
      if (request.type === 'payment.requested') request.replyTo({ kind: 'found', value })
    },
  })

  const { text } = await call(edge, 'GET', `/payments/${ID}`)

  t.same(JSON.parse(text), {
    correlationId: ID,
    amount: 19.9,
    state: 'settled',
    requestedAt: '1970-01-01T00:00:00.000Z',
    attemptsTotal: 0,
    attempts: [],
    reduced: true,
  })
})

onEachServer('a status has no negative times, and counts the attempts not kept', async (t) => {
  const attempt = { processor: 'default', requestedAt: 0, reason: 'cheaper', tookMs: 1 } as const
  const value: PaymentStatus = {
    correlationId: ID,
    amountCents: 1990,
    state: 'parked',
    acceptedAt: 0,
    waitsFor: 'retryQueue',
    dueInMs: -7,
    unknownOutcomes: [{ processor: 'default', requestedAt: 0, remainingMs: -1200 }],
    attempts: [
      { ...attempt, outcome: 'denied' },
      { ...attempt, outcome: 'inDoubt', number: 40 },
    ],
  }
  const edge = await startEdge(t, {
    supervise: (request) => {
      if (request.type === 'payment.requested') request.replyTo({ kind: 'found', value })
    },
  })

  const { text } = await call(edge, 'GET', `/payments/${ID}`)

  t.match(JSON.parse(text), {
    dueInMs: 0,
    doubts: [{ remainingMs: 0 }],
    attemptsTotal: 40,
    attempts: [{ outcome: 'denied' }, { number: 40 }],
  })
})
