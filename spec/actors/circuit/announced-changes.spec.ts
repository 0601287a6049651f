// What `payments` does when a circuit changes: it chooses by the circuit as it is from then on.

import t from 'tap'
import { settled } from '../../support/actor-system.ts'
import { startedPit, type StartedPit } from '../../support/started-pit.ts'

/** Less than a tick, so that nothing but the circuits' changes starts a payment. */
const SHORT_MS = 30

/** Payment `a` waits for `default`, which fails, and would go to `fallback` at the next look. */
async function waitingForDefault(): Promise<StartedPit> {
  const pit = await startedPit({ ROUTE_WAIT_MAX_MS: '20' })
  probe(pit, 'default', { failing: true })
  pit.post()
  ;(await pit.ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
  await settled()
  await pit.pass(SHORT_MS)
  return pit
}

t.test('a circuit that opens is not charged by those who are told that it opened', async (t) => {
  const pit = await waitingForDefault()

  probe(pit, 'fallback', { failing: true })

  await settled()
  t.notOk(pit.processors.default.waiting.includes('charge'))
  t.notOk(pit.processors.fallback.waiting.includes('charge'))
})

t.test('a circuit that is half-open again is charged in the same turn', async (t) => {
  const pit = await startedPit()
  probe(pit, 'default', { failing: true })
  pit.post()
  ;(await pit.ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
  await settled()
  pit.clock.increment(1)

  probe(pit, 'default', { failing: false })

  t.ok(pit.processors.default.waiting.includes('charge'))
})

t.test(
  'both circuits held open at once let nothing through between one and the other',
  async (t) => {
    const pit = await waitingForDefault()

    holdOpen(pit, 'default')
    holdOpen(pit, 'fallback')

    await pit.pass(100)
    t.notOk(pit.processors.default.waiting.includes('charge'))
    t.notOk(pit.processors.fallback.waiting.includes('charge'))
  },
)

function holdOpen(pit: StartedPit, name: 'default' | 'fallback'): void {
  const circuit = pit.supervisor.system.get(`processorHealth.${name}`)
  const held = { to: 'open', cause: 'paused by ana: a spec' } as const
  circuit.send({ type: 'hold.changed', held, at: pit.clock.now() })
}

function probe(
  pit: StartedPit,
  name: 'default' | 'fallback',
  { failing }: { failing: boolean },
): void {
  const circuit = pit.supervisor.system.get(`processorHealth.${name}`)
  circuit.send({ type: 'probe.answered', failing, minResponseMs: 0, at: pit.clock.now() + 1 })
}
