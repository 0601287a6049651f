// A charge that is answered with success after its payment has left: where that payment comes back to
// this instance, under whatever word of an operator, it is not sent again.

import t from 'tap'
import type { HandedBack } from '../../../src/actors/messages.ts'
import { queryPayments } from '../../../src/actors/supervisor/snapshot.ts'
import type { ClaimedPayment } from '../../../src/actors/model/payment.ts'
import { settled } from '../../support/actor-system.ts'
import { claimedPayment } from '../../support/payment-samples.ts'
import { startedPit, type StartedPit } from '../../support/started-pit.ts'

/** Payment `a`, sent to `default` a second time and handed back since an operator resolved it. */
async function handedBack(): Promise<{ pit: StartedPit; succeed: () => Promise<void> }> {
  const pit = await startedPit()
  pit.post()
  ;(await pit.ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
  await settled()
  const { processors } = pit
  const [, reply] = (await processors.default.called('charge')).args
  const replyToFirst = reply as (answer: object) => void
  replyToFirst({ kind: 'inDoubt', detail: 'timeout' })
  await pit.pass(1)
  const [, lookedUp] = (await processors.default.called('lookUp')).args
  ;(lookedUp as (answer: object) => void)({ kind: 'failed', detail: 'http 500' })
  await pit.pass(200)
  const [, replyToResend] = (await processors.default.called('charge')).args
  let said: HandedBack | undefined
  const replyTo = (how: HandedBack): void => void (said = how)
  send(pit, { type: 'payment.resolved', correlationId: 'a', replyTo })
  t.equal(said, 'parked')
  await pit.pass(20)
  ;(await pit.ledger.called('record')).answer([])
  await settled()
  return {
    pit,
    succeed: async () => {
      ;(replyToResend as (answer: object) => void)({ kind: 'settled', detail: 'http 200' })
      await settled()
    },
  }
}

type Sent = Parameters<ReturnType<StartedPit['supervisor']['system']['get']>['send']>[0]

function send({ supervisor }: StartedPit, event: Sent): void {
  supervisor.system.get('payments').send(event)
}

async function claim(pit: StartedPit, changes: Partial<ClaimedPayment> = {}): Promise<void> {
  const batch = [claimedPayment('a', { fencingToken: 2, ...changes })]
  send(pit, { type: 'payments.claimed', batch, from: 'retryQueue', leaseId: 7 })
  await settled()
}

function inMemory({ supervisor }: StartedPit): readonly string[] {
  const states = ['pending', 'tryingDefault', 'tryingFallback', 'confirming', 'retry'] as const
  return states.flatMap((state) => queryPayments(supervisor, { state, limit: 9 }).map(() => state))
}

function told({ facts }: StartedPit): number {
  return facts.filter(({ type }) => type === 'payment.settled').length
}

t.test('one that is claimed before its settlement is written is not worked on', async (t) => {
  const { pit, succeed } = await handedBack()
  await succeed()

  await claim(pit)

  t.same(inMemory(pit), [])
  t.notOk(pit.processors.default.waiting.includes('charge'))
  t.equal(told(pit), 1)
  await pit.pass(20)
  t.match((await pit.ledger.called('record')).args, [[{ kind: 'settled', correlationId: 'a' }]])
  await claim(pit, { fencingToken: 3 })
  t.not(inMemory(pit).length, 0, 'handed out again by the ledger, it is open there')
})

t.test('one that is back before the answer comes leaves again', async (t) => {
  const { pit, succeed } = await handedBack()
  const unknown = { processor: 'fallback', requestedAt: null, remainingMs: 21_000 } as const
  await claim(pit, { unknownOutcomes: [unknown] })
  t.same(inMemory(pit), ['confirming'])

  await succeed()

  t.same(inMemory(pit), [])
  t.equal(told(pit), 1)
})

t.test('one that is being charged stays until that is answered', async (t) => {
  const { pit, succeed } = await handedBack()
  await claim(pit)
  t.same(inMemory(pit), ['tryingDefault'])

  await succeed()

  t.same(inMemory(pit), ['tryingDefault'])
  t.equal(told(pit), 0)
})

t.test('after a purge its id is another payment', async (t) => {
  const { pit, succeed } = await handedBack()
  await succeed()

  await claim(pit, { purges: 1 })

  t.same(inMemory(pit), ['tryingDefault'])
  t.equal(told(pit), 0)
})

t.test('a lease that is lost takes what is known under it along', async (t) => {
  const { pit, succeed } = await handedBack()
  await succeed()
  send(pit, { type: 'payments.dropped' })

  await claim(pit)

  t.same(inMemory(pit), ['tryingDefault'])
  t.equal(told(pit), 0)
})
