// Instances that are killed or paused: the other one, or their next start, settles what they had.

import t from 'tap'
import { PROCESSOR_NAMES } from '../../bench/challenge/books.ts'
import { CALM } from '../../bench/challenge/stages.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { accepted, startLoad } from '../support/system-client.ts'
import { missingPrograms, startSpecLayout } from '../support/system-layout.ts'

const reason = missingPrograms()
if (reason === undefined) await specify()
else t.plan(0, reason)

async function specify(): Promise<void> {
  const world = await startSpecLayout(t, {
    LEASE_TTL_MS: '1500',
    IN_DOUBT_HORIZON_MS: '3000',
    ATTEMPT_TIMEOUT_MS: '2000',
  })
  const { client, direct, pits, processors } = world

  t.test('payments of a killed instance are settled once, by the other one', async (t) => {
    await world.purge()
    await processors.admin.default.setConditions({ delayMs: 200, failing: false })
    const [victim] = pits
    const load = startLoad(t, [client], 5)

    await accepted(load, 200)
    victim.kill('SIGKILL')
    await accepted(load, load.count(202) + 200)
    await load.stop()

    await world.booksAgree(t)
    await processors.admin.default.setConditions(CALM)
    await victim.start()
  })

  t.test('an instance paused past its lease does no harm when it wakes up', async (t) => {
    await world.purge()
    const [sleeper] = pits
    const [woken, other] = direct
    await processors.admin.default.setConditions({ delayMs: 100, failing: false })
    const load = startLoad(t, [client], 10)

    await accepted(load, 100)
    sleeper.kill('SIGSTOP')
    await accepted(load, load.count(202) + 50)
    await load.stop()
    await world.booksAgree(t, other)
    sleeper.kill('SIGCONT')
    await waitUntil({ what: 'the woken one accepts' }, async () => {
      return (await woken.post()) === 202
    })

    await world.booksAgree(t, woken)
    await processors.admin.default.setConditions(CALM)
  })

  t.test('payments accepted before all instances were killed are settled once', async (t) => {
    await world.purge()
    const load = startLoad(t, [client], 5)
    const { admin } = processors

    await accepted(load, 100)
    await admin.default.setConditions({ delayMs: 300, failing: true })
    await admin.fallback.setConditions({ delayMs: 100, failing: true })
    await accepted(load, 200)
    for (const pit of pits) pit.kill('SIGKILL')
    await Promise.all(pits.map((pit) => pit.ended()))
    for (const name of PROCESSOR_NAMES) await admin[name].setConditions(CALM)
    await Promise.all(pits.map((pit) => pit.start()))
    await accepted(load, load.count(202) + 100)
    await load.stop()

    await world.booksAgree(t)
  })
}
