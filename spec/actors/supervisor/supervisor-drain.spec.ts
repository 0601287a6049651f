// A stop of the whole actor system: what it waits for, for how long, and what it hands over.

import t, { type Test } from 'tap'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { ChargeAnswer } from '../../../src/actors/model/ports.ts'
import { settled } from '../../support/actor-system.ts'
import { claimedPayment } from '../../support/payment-samples.ts'
import type { Call } from '../../support/scripted-port.ts'
import { WALL_START } from '../../support/standing-time.ts'
import { startedPit, type StartedPit } from '../../support/started-pit.ts'

const GRACE_MS = 500
/** 1 s to connect and twice 20 s, by a clock that may be 5 % fast. */
const SETTLE_BY_MS = 43_050
const ACCEPTED = { results: ['accepted'], purges: 0 }

t.test('charges that hang are handed over in doubt when the grace is over', async (t) => {
  const pit = await startedPit()
  await accept(pit)
  await pit.processors.default.called('charge')

  pit.stop()
  await pit.pass(GRACE_MS - 1)
  t.same(pit.ledger.waiting, [], 'a good processor has that long to answer')
  await pit.pass(1)

  const unknownOutcomes = [
    { processor: 'default', requestedAt: WALL_START, remainingMs: SETTLE_BY_MS },
  ]
  const record = await pit.ledger.called('record')
  t.match(record.args, [[{ kind: 'parked', delayMs: 0, unknownOutcomes }], { leaseId: 7 }])
  await ends(t, pit, record)
  const schedule = await pit.delayedQueue.called('schedule')
  t.same(schedule.args, [[{ correlationId: 'a', dueInMs: 0 }]], 'the others are told at once')
  t.equal(pit.clock.now(), GRACE_MS)
})

t.test('the grace is half of the deadline at most', async (t) => {
  const pit = await startedPit({ SHUTDOWN_DEADLINE_MS: '300' })
  await accept(pit)

  pit.stop()
  await pit.pass(150)

  await ends(t, pit, await pit.ledger.called('record'))
})

t.test('a stop is over as soon as every charge has its answer', async (t) => {
  const pit = await startedPit()
  await accept(pit)
  const charge = await pit.processors.default.called('charge')

  pit.stop()
  reply(charge, { kind: 'settled', detail: '200' })
  await settled()

  const record = await pit.ledger.called('record')
  t.match(record.args, [[{ kind: 'settled', processor: 'default' }]])
  await ends(t, pit, record)
  t.equal(pit.clock.now(), 0)
})

t.test('a charge that is refused during a stop is handed over, not sent elsewhere', async (t) => {
  for (const kind of ['refused', 'failed', 'inDoubt'] as const) {
    const pit = await startedPit()
    await accept(pit)
    const charge = await pit.processors.default.called('charge')

    pit.stop()
    reply(charge, { kind, detail: 'spec' })
    await settled()

    const record = await pit.ledger.called('record')
    const unknownOutcomes = kind === 'refused' ? 0 : 1
    t.match(
      record.args,
      [[{ kind: 'parked', delayMs: 0, unknownOutcomes: { length: unknownOutcomes } }]],
      kind,
    )
    await ends(t, pit, record)
    for (const { waiting } of Object.values(pit.processors)) t.same(waiting, [], kind)
  }
})

t.test('what is being accepted when a stop begins is answered and handed over', async (t) => {
  const pit = await startedPit()
  const answers = pit.post()
  const accepting = await pit.ledger.called('accept')

  pit.stop()
  await settled()
  t.same(pit.ledger.waiting, [], 'the lease is not given up under it')
  accepting.answer(ACCEPTED)
  await settled()

  t.same(answers, ['accepted'])
  const record = await pit.ledger.called('record')
  t.match(record.args, [[{ kind: 'parked', delayMs: 0, unknownOutcomes: { length: 0 } }]])
  await ends(t, pit, record)
})

t.test(
  'an accept that outlasts the grace is handed over before the lease is released',
  async (t) => {
    const pit = await startedPit()
    const answers = pit.post()
    const accepting = await pit.ledger.called('accept')

    pit.stop()
    await pit.pass(GRACE_MS)
    t.same(pit.ledger.waiting, [], 'the lease is not given up under it')
    accepting.answer(ACCEPTED)
    await settled()

    t.same(answers, ['accepted'])
    const record = await pit.ledger.called('record')
    t.match(record.args, [[{ kind: 'parked', delayMs: 0, unknownOutcomes: { length: 0 } }]])
    t.same(pit.ledger.waiting, [], 'nor before it is written')
    await ends(t, pit, record)
  },
)

t.test('an accept that fails after the grace does not keep a stop from ending', async (t) => {
  const pit = await startedPit()
  const answers = pit.post()
  const accepting = await pit.ledger.called('accept')

  pit.stop()
  await pit.pass(GRACE_MS)
  accepting.fail(new LedgerUnavailable('accept', 'unknown'))
  await settled()
  await pit.pass(1_000)

  t.same(answers, ['unavailable'])
  await ends(t, pit)
})

t.test('what is being claimed when a stop begins is handed over', async (t) => {
  const pit = await startedPit()
  const claiming = await claim(pit)

  pit.stop()
  await settled()
  t.same(pit.ledger.waiting, [])
  claiming.answer([claimedPayment('b')])
  await settled()

  const record = await pit.ledger.called('record')
  t.match(record.args, [[{ kind: 'parked', correlationId: 'b', unknownOutcomes: { length: 0 } }]])
  await ends(t, pit, record)
})

t.test('claiming that is not answered is not waited for beyond the grace', async (t) => {
  const pit = await startedPit()
  await claim(pit)

  pit.stop()
  await pit.pass(GRACE_MS)

  await ends(t, pit)
})

t.test('a child that fails during a stop does not prolong it', async (t) => {
  const pit = await startedPit()
  await accept(pit)
  pit.stop()
  const { started: timers } = pit.clock

  const error = new Error('a planted bug')
  pit.supervisor.send({ type: 'xstate.error.actor.lease', error, actorId: 'lease' })
  await settled()
  t.equal(pit.clock.started, timers)
  await pit.pass(GRACE_MS)

  await ends(t, pit, await pit.ledger.called('record'))
})

t.test('what a late claim brings is not written for ever after the end of a stop', async (t) => {
  const pit = await startedPit()
  const claiming = await claim(pit)
  pit.stop()
  await pit.pass(GRACE_MS)
  const release = await pit.ledger.called('releaseLease')

  claiming.answer([claimedPayment('b')])
  const record = await pit.ledger.called('record')
  release.answer(undefined)
  await settled()
  t.equal(pit.supervisor.getSnapshot().status, 'done')
  record.fail(new LedgerUnavailable('record', 'none'))
  await settled()
  await pit.pass(10_000)

  t.same(pit.ledger.waiting, [], 'it is taken over from the lease that was released')
})

async function accept(pit: StartedPit): Promise<void> {
  pit.post()
  ;(await pit.ledger.called('accept')).answer(ACCEPTED)
  await settled()
}

/** Lets the retry queue ask for what is due; the call is not answered yet. */
async function claim(pit: StartedPit): Promise<Call> {
  await pit.pass(50)
  return pit.ledger.called('claimDue')
}

function reply({ args }: Call, answer: ChargeAnswer): void {
  const [, tell] = args as [unknown, (answer: ChargeAnswer) => void]
  tell(answer)
}

/** The last writing is answered, the lease given back, and that is all. */
async function ends(t: Test, pit: StartedPit, record?: Call): Promise<void> {
  if (record !== undefined) {
    t.same(pit.ledger.waiting, [], 'the lease is held until everything is written')
    record.answer([])
  }
  const release = await pit.ledger.called('releaseLease')
  t.same(release.args, [7])
  release.answer(undefined)
  await settled()
  t.equal(pit.supervisor.getSnapshot().status, 'done')
}
