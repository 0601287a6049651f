// A stray and an answer that comes late are the same payment: it is in memory once, under the token
// that the ledger takes.

import t from 'tap'
import { queryPayments } from '../../../src/actors/supervisor/snapshot.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import { LateAnswers } from '../../../src/actors/payments/records.ts'
import type { Call } from '../../support/scripted-port.ts'
import { settled } from '../../support/actor-system.ts'
import { claimedPayment, sampleRecord } from '../../support/payment-samples.ts'
import { refusalBy } from '../../support/refusals.ts'
import { startedPit, type StartedPit } from '../../support/started-pit.ts'

const INTERVAL_MS = 1000

const IN_DOUBT = [
  { processor: 'default', requestedAt: null, remainingMs: 21_000 },
  { processor: 'fallback', requestedAt: null, remainingMs: 21_000 },
] as const

/** A claim whose answer is late, and the same payment being claimed as a stray. */
async function started(): Promise<{ pit: StartedPit; late: Call; reclaiming: Call }> {
  const pit = await startedPit()
  await pit.pass(50)
  const late = await pit.ledger.called('claimDue')
  for (let times = 0; times < 2; times += 1) {
    await pit.pass(INTERVAL_MS)
    const now = { ledgerNow: pit.clock.now() }
    ;(await pit.ledger.called('renewLease')).answer({ held: true, purges: 0, ...now })
    ;(await pit.ledger.called('listOwned')).answer([{ correlationId: 'a', fencingToken: 1 }])
    await settled()
  }
  return { pit, late, reclaiming: await pit.ledger.called('reclaim') }
}

function inMemory({ supervisor }: StartedPit): readonly string[] {
  const states = ['pending', 'tryingDefault', 'confirming'] as const
  return states.flatMap((state) =>
    queryPayments(supervisor, { state, limit: 9 }).map(({ correlationId }) => {
      return `${correlationId} ${state}`
    }),
  )
}

t.test('an answer that comes after its payment was claimed as a stray is left out', async (t) => {
  const { pit, late, reclaiming } = await started()
  t.same(inMemory(pit), [])

  reclaiming.answer([claimedPayment('a', { fencingToken: 2, unknownOutcomes: IN_DOUBT })])
  await settled()
  t.same(inMemory(pit), ['a confirming'])
  late.answer([claimedPayment('a', { fencingToken: 1 })])
  await settled()

  t.same(inMemory(pit), ['a confirming'])
  t.notOk(pit.processors.default.waiting.includes('charge'))
})

t.test('a stray whose payment has come into memory meanwhile stays what it is there', async (t) => {
  const { pit, late, reclaiming } = await started()

  late.answer([claimedPayment('a', { fencingToken: 1 })])
  await settled()
  t.same(inMemory(pit), ['a tryingDefault'])
  reclaiming.answer([claimedPayment('a', { fencingToken: 2, unknownOutcomes: IN_DOUBT })])
  await settled()

  t.same(inMemory(pit), ['a tryingDefault'], 'the ledger takes nothing of it: it is a stray again')
})

t.test('late answers are known by their fencing token, for a minute', async (t) => {
  const lateAnswers = new LateAnswers()
  const record = (fencingToken: number) => sampleRecord({ correlationId: 'a', fencingToken })
  t.notOk(lateAnswers.isOutdated(record(0)))

  lateAnswers.note([claimedPayment('a', { fencingToken: 2 })], 1000)
  t.same(
    [0, 1, 2, 3].map((token) => lateAnswers.isOutdated(record(token))),
    [true, true, false, false],
  )
  lateAnswers.note([claimedPayment('b')], 60_999)
  t.ok(lateAnswers.isOutdated(record(1)))
  lateAnswers.note([claimedPayment('b')], 61_000)
  t.notOk(lateAnswers.isOutdated(record(1)))
})

t.test('a commit without an answer leaves the payments in work as they are', async (t) => {
  const pit = await startedPit()
  pit.post()
  ;(await pit.ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
  await settled()
  pit.post()
  ;(await pit.ledger.called('accept')).fail(new LedgerUnavailable('accept', 'unknown'))
  await settled()

  t.same(inMemory(pit), ['a tryingDefault'])
  const [, reply] = (await pit.processors.default.called('charge')).args
  ;(reply as (answer: object) => void)({ kind: 'settled', detail: 'http 200' })
  await pit.pass(20)

  const written = await pit.ledger.called('record')
  t.match(written.args, [[{ kind: 'settled', correlationId: 'a' }], { leaseId: 7 }])
  t.notOk(pit.ledger.waiting.includes('releaseLease'), 'the lease is the same as before')
})

t.test('an id that is posted again after a purge is no late answer', async (t) => {
  const { pit, reclaiming } = await started()
  reclaiming.answer([claimedPayment('a', { fencingToken: 2, unknownOutcomes: IN_DOUBT })])
  await settled()

  pit.post()
  ;(await pit.ledger.called('accept')).answer({ results: ['accepted'], purges: 1 })
  await settled()

  t.same(inMemory(pit), ['a tryingDefault'])
})

t.test('what is being committed or written is in memory, and no stray', async (t) => {
  const pit = await startedPit()
  pit.post()
  const accepting = await pit.ledger.called('accept')
  await compareThrice(pit)
  t.notOk(pit.ledger.waiting.includes('reclaim'))

  accepting.answer({ results: ['accepted'], purges: 0 })
  await settled()
  const [, reply] = (await pit.processors.default.called('charge')).args
  ;(reply as (answer: object) => void)({ kind: 'settled', detail: 'http 200' })
  await compareThrice(pit)

  t.notOk(pit.ledger.waiting.includes('reclaim'), 'its outcome is being written')
})

t.test('what PostgreSQL has refused is kept aside here, and no stray', async (t) => {
  const pit = await startedPit()
  pit.post()
  ;(await pit.ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
  await settled()
  const [, reply] = (await pit.processors.default.called('charge')).args
  ;(reply as (answer: object) => void)({ kind: 'settled', detail: 'http 200' })
  await pit.pass(20)
  ;(await pit.ledger.called('record')).fail(refusalBy('22003'))
  await settled()

  await compareThrice(pit)

  t.notOk(pit.ledger.waiting.includes('reclaim'))
})

/** As often as a stray is found at least, each time with the ledger's word that it owns it. */
async function compareThrice(pit: StartedPit): Promise<void> {
  for (let times = 0; times < 3; times += 1) {
    await pit.pass(INTERVAL_MS)
    const now = { ledgerNow: pit.clock.now() }
    ;(await pit.ledger.called('renewLease')).answer({ held: true, purges: 0, ...now })
    ;(await pit.ledger.called('listOwned')).answer([{ correlationId: 'a', fencingToken: 0 }])
    await settled()
  }
}
