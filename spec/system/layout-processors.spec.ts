// A layout whose processors others run.

import t from 'tap'
import { startLayout } from '../../bench/layout/layout.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { openPitClient } from '../support/system-client.ts'

t.test('a layout with processors of others starts none, and pays at them', async (t) => {
  const byDefault = await startSimulator({ port: 0, feeRate: 0.05 })
  const fallback = await startSimulator({ port: 0, feeRate: 0.15 })
  t.teardown(() => Promise.all([byDefault.close(), fallback.close()]))
  const processors = { default: byDefault.url, fallback: fallback.url }

  const layout = await startLayout({ processors, instances: 1, nginx: false, redis: false })
  t.teardown(() => layout.stop())

  const names = layout.parts.map(({ name }) => name)
  t.same(names, ['postgres', 'pit-1'])
  t.same(layout.processors, {
    default: { url: byDefault.url },
    fallback: { url: fallback.url },
  })
  const posted = await openPitClient(t, layout.url).postAll(3)
  const recorded = (): readonly string[] =>
    [...byDefault.ledger.entries({}), ...fallback.ledger.entries({})].map(
      ({ correlationId }) => correlationId,
    )
  await waitUntil({ what: 'all recorded' }, () => recorded().length >= posted.length)
  t.same(recorded().toSorted(), posted.toSorted())
})
