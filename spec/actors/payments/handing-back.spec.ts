// A payment that an operator resolves leaves the instance that has it in doubt, and nothing is lost that
// its processor says of it afterwards.

import t from 'tap'
import { queryPayments } from '../../../src/actors/supervisor/snapshot.ts'
import type { HandedBack } from '../../../src/actors/messages.ts'
import { createWaiting } from '../../../src/actors/payments/queues.ts'
import { settled } from '../../support/actor-system.ts'
import { sampleDoubt, sampleRecord } from '../../support/payment-samples.ts'
import { startedPit, type StartedPit } from '../../support/started-pit.ts'

/** Payment `a`, accepted and being charged at `default`. */
async function started() {
  const pit = await startedPit()
  pit.post()
  ;(await pit.ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
  await settled()
  const [charge, reply] = (await pit.processors.default.called('charge')).args
  const answer = (kind: string): void =>
    (reply as (answer: object) => void)({ kind, detail: 'http 200' })
  const { requestedAt } = charge as { readonly requestedAt: number }
  return { pit, answer, requestedAt }
}

function resolve({ supervisor }: StartedPit, correlationId = 'a'): HandedBack | undefined {
  let handedBack: HandedBack | undefined
  const replyTo = (said: HandedBack): void => void (handedBack = said)
  supervisor.system.get('payments').send({ type: 'payment.resolved', correlationId, replyTo })
  return handedBack
}

function inMemory({ supervisor }: StartedPit): readonly string[] {
  const states = ['pending', 'tryingDefault', 'tryingFallback', 'confirming', 'retry'] as const
  return states.flatMap((state) => queryPayments(supervisor, { state, limit: 9 }).map(() => state))
}

t.test('a payment that is in work and not in doubt stays, and one that is not here', async (t) => {
  const { pit } = await started()

  t.equal(resolve(pit), 'busy')
  t.equal(resolve(pit, 'b'), 'absent')
  t.same(inMemory(pit), ['tryingDefault'])
})

t.test('a payment in doubt is parked in doubt before anything is done about it', async (t) => {
  const { pit, answer, requestedAt } = await started()
  answer('inDoubt')
  t.same(inMemory(pit), ['confirming'])

  t.equal(resolve(pit), 'parked')

  t.same(inMemory(pit), [])
  t.equal(resolve(pit), 'absent')
  await pit.pass(20)
  t.match((await pit.ledger.called('record')).args, [
    [{ kind: 'parked', unknownOutcomes: [{ processor: 'default', requestedAt }] }],
  ])
})

t.test(
  'a charge that lands after its payment was resolved is told as a contradiction',
  async (t) => {
    const { pit, answer, requestedAt } = await started()
    answer('inDoubt')
    await pit.pass(1)
    const [, lookedUp] = (await pit.processors.default.called('lookUp')).args
    ;(lookedUp as (answer: object) => void)({ kind: 'failed', detail: 'http 500' })
    await pit.pass(200)
    const resend = (await pit.processors.default.called('charge')).args
    t.match(resend[0], { requestedAt })
    t.same(inMemory(pit), ['tryingDefault'])
    t.equal(resolve(pit), 'parked')
    await pit.pass(20)
    ;(await pit.ledger.called('record')).answer([])
    await settled()

    const [, reply] = resend
    ;(reply as (answer: object) => void)({ kind: 'settled', detail: 'http 200' })
    await pit.pass(20)
    const written = await pit.ledger.called('record')
    t.match(written.args, [[{ kind: 'settled', processor: 'default', requestedAt }]])
    const [[outcome]] = written.args as [[object]]
    written.answer([{ outcome, why: 'settledOtherwise' }])
    await settled()

    const told = pit.facts.filter(({ type }) => type === 'payment.contradicted')
    t.match(told, [{ correlationId: 'a', contradiction: { kind: 'settlement', requestedAt } }])
  },
)

t.test(
  'one that waits for a place to be looked up is taken out, and the others wait on',
  async (t) => {
    const waiting = createWaiting({ readyMax: 1, inDoubtMax: 3 })
    const ids = ['a', 'b', 'c']
    for (const correlationId of ids) {
      waiting.push(sampleRecord({ correlationId, unknownOutcomes: [sampleDoubt('fallback')] }))
    }

    t.equal(waiting.takeInDoubt('b')?.correlationId, 'b')

    t.equal(waiting.takeInDoubt('b'), undefined)
    const left = waiting.takeAll().map(({ correlationId }) => correlationId)
    t.same(left, ['a', 'c'], 'in their order')
  },
)
