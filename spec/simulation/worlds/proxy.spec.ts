// What the oracle hears of a proxy in front of a simulated processor.

import t from 'tap'
import type { Charge } from '../../../src/actors/model/ports.ts'
import { Chance } from '../chance.ts'
import { HEALTHY, ProcessorServer, type Phase } from '../simulated-processor.ts'
import { VirtualTime } from '../virtual-time.ts'
import { chargesGet } from './fixed.ts'
import type { HttpEnd } from './http-ends.ts'
import { Oracle } from './oracle.ts'
import { ProcessorProxy } from './proxy.ts'

const CHARGE = {
  correlationId: '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3',
  amountCents: 1990,
  requestedAt: 0,
} satisfies Charge

const ANSWERS_200 = chargesGet({ kind: 'answer', status: 200, body: 'contract' })

for (const [phase, what, heard] of [
  [HEALTHY, 'has recorded the charge goes beyond no bound', []],
  [
    { ...HEALTHY, isFailing: true },
    'has failed goes beyond one',
    ['answered 200 and not recorded'],
  ],
  [{ ...HEALTHY, limited: 1 }, 'has refused goes beyond one', ['answered 200 and not recorded']],
] as const) {
  t.test(`a 200 of a proxy before a processor that ${what}`, async (t) => {
    const { proxy, oracle, virtualTime } = proxied(phase)
    const ends: HttpEnd[] = []

    proxy.charge(CHARGE, (end) => ends.push(end))
    await virtualTime.run()

    t.match(ends, [{ kind: 'answered', status: 200 }])
    t.same([...oracle.beyond.values()], heard)
  })
}

function proxied(phase: Phase) {
  const chance = new Chance(1)
  const virtualTime = new VirtualTime(chance)
  const oracle = new Oracle('fair')
  const parts = { name: 'default', virtualTime, chance, landingMaxMs: 1000 } as const
  const onRecorded = (): void => undefined
  const server = new ProcessorServer({ ...parts, lookUpLagMs: 0, probeWindowMs: 100, onRecorded })
  server.phase = phase
  const proxy = new ProcessorProxy({ ...parts, oracle, server, attemptTimeoutMs: 500 })
  const charge = ANSWERS_200.charge
  proxy.conduct = { ...ANSWERS_200, charge: charge && { ...charge, records: 'before' } }
  return { proxy, oracle, virtualTime }
}
