// What becomes of a message to an actor that is not there.

import t from 'tap'
import { tell } from '../../src/actors/messages.ts'
import { settled } from '../support/actor-system.ts'
import { startedPit, startingPit, type StartedPit } from '../support/started-pit.ts'

t.test(
  'a message to nobody is a bug of its sender while the instance accepts payments',
  async (t) => {
    const pit = await startedPit()

    t.throws(() => tellNobody(pit), {
      code: 'ERR_ASSERTION',
      message: 'nobody is there to be told release.requested',
    })
  },
)

t.test('a message to nobody is lost while the instance starts, drains and has ended', async (t) => {
  const pit = startingPit()
  t.doesNotThrow(() => tellNobody(pit), 'starting')
  ;(await pit.ledger.called('acquireLease')).answer({ leaseId: 7, ledgerNow: 0 })
  await settled()
  pit.stop()
  t.equal(pit.supervisor.getSnapshot().value, 'releasing')
  t.doesNotThrow(() => tellNobody(pit), 'draining')
  ;(await pit.ledger.called('releaseLease')).answer(undefined)
  await settled()

  t.equal(pit.supervisor.getSnapshot().status, 'done')
  t.doesNotThrow(() => tellNobody(pit), 'ended')
})

function tellNobody({ supervisor }: StartedPit): void {
  tell(supervisor.system, 'nobody' as 'lease', { type: 'release.requested' })
}
