// Instances that stop hand their payments over: no lease ends and no deadline passes.

import t from 'tap'
import { CALM } from '../../bench/challenge/stages.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { type PaymentStatus, accepted, startLoad, unexpected } from '../support/system-client.ts'
import { missingPrograms, startSpecLayout } from '../support/system-layout.ts'

/** How long a charge hangs, ms: an instance that stops ends long before. */
const HANG_MS = 10_000

/** States of what is in memory of the instance that is asked, besides its end. */
const TAKEN_ON = ['confirming', 'tryingDefault', 'settled']

const reason = missingPrograms()
if (reason === undefined) await specify()
else t.plan(0, reason)

async function specify(): Promise<void> {
  const world = await startSpecLayout(t, {
    // Whatever had to wait for one of these would not be settled in time.
    LEASE_TTL_MS: '60000',
    IN_DOUBT_HORIZON_MS: '600000',
    ATTEMPT_TIMEOUT_MS: '60000',
    // A probe that announces how long charges hang turns none away.
    ROUTE_SLOW_MS: '60000',
  })
  const { client, direct, pits, processors } = world

  t.test('clients get only 202 or 503 during a rolling restart', async (t) => {
    await world.purge()
    await processors.admin.default.setConditions({ delayMs: 300, failing: false })
    const load = startLoad(t, [client], 10)

    for (const pit of pits) {
      await accepted(load, load.count(202) + 60)
      pit.kill('SIGTERM')
      await pit.ended()
      await accepted(load, load.count(202) + 60)
      await pit.start()
    }
    await accepted(load, load.count(202) + 60)
    await load.stop()

    const odd = [...load.receptions.keys()].filter((each) => each !== 202 && each !== 503)
    t.strictSame(odd, [])
    // What was parked or unfinished is handed over at once, without waiting for the end of a lease.
    await world.booksAgree(t)
    await processors.admin.default.setConditions(CALM)
  })

  t.test(
    'an instance that stops while charges hang hands them to the other one at once',
    async (t) => {
      await world.purge()
      const [stopped] = pits
      const [first, other] = direct
      await processors.admin.default.setConditions({ delayMs: HANG_MS, failing: false })
      const ids = await first.postAll(40)
      await waitUntil({ what: 'charges hang' }, async () => {
        const paymentStatuses = await Promise.all(ids.map((id) => first.paymentStatus(id)))
        return paymentStatuses.every((paymentStatus) => stateOf(paymentStatus) === 'tryingDefault')
      })
      const load = startLoad(t, [client], 20)

      stopped.kill('SIGTERM')
      await stopped.ended()
      t.notOk(await processors.areQuiet(), 'no answer is waited for')
      await waitUntil({ what: 'the other one works on them' }, async () => {
        const paymentStatuses = await Promise.all(ids.map((id) => other.paymentStatus(id)))
        return paymentStatuses.every((paymentStatus) => TAKEN_ON.includes(stateOf(paymentStatus)))
      })
      await load.stop()

      t.strictSame(unexpected(load), [])
      // What was sent again while the first request hung is answered as late as that one was.
      await world.booksAgree(t, other)
      await processors.admin.default.setConditions(CALM)
      await stopped.start()
    },
  )
}

function stateOf(status: PaymentStatus | 'missing' | undefined): string {
  return typeof status === 'object' ? status.state : 'unknown'
}
