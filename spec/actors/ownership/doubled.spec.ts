// Two living processes under one id, as one of them sees the leases of both.

import t from 'tap'
import type { SeenLease } from '../../../src/actors/model/ports.ts'
import { takeoverMachine } from '../../../src/actors/ownership/takeover.machine.ts'
import { settled, startActorSystem } from '../../support/actor-system.ts'
import { ANY_TIME_OF_DAY } from '../../support/standing-time.ts'

const OWN: SeenLease = { leaseId: 7, version: '9', ttlMs: 3_000, instanceId: 'own' }
const OTHER: SeenLease = { ...OWN, leaseId: 3, version: '0' }

/** An instance whose looks for the dead, two a second, find its own lease and these others. */
function start(own = OWN) {
  const system = startActorSystem()
  const bounds = { instanceId: 'own', batchMax: 2, leaseTtlMs: 3_000, settleByMs: 4_000 }
  system.start(takeoverMachine, { ports: system.ports, ...bounds })
  let times = 0
  const see = async (...others: readonly SeenLease[]): Promise<void> => {
    times += 1
    system.clock.increment(500)
    // It renews its own meanwhile.
    const leases = [{ ...own, version: `own ${times}` }, ...others]
    ;(await system.ledger.called('takeOver')).answer({ payments: [], leases, commands: 0 })
    await settled()
  }
  const lease = (id: number): void =>
    system.fence.extend({ id, validUntil: Number.POSITIVE_INFINITY, ...ANY_TIME_OF_DAY })
  return { facts: system.facts, see, lease }
}

t.test('a second living process with the same id is told, once a minute', async (t) => {
  const { facts, see } = start()
  const told: number[] = []

  for (let second = 0; second <= 121; second += 1) {
    const before = facts.length
    for (let half = 0; half < 2; half += 1) await see({ ...OTHER, version: `${second}` })
    if (facts.length > before) told.push(second)
  }

  t.same(told, [1, 61, 121], 'from the first renewal on that is seen')
  const fact = { type: 'instance.doubled', leaseId: 7, otherLeaseId: 3 }
  t.same(facts, [fact, fact, fact])
})

t.test('a renewal of a lease that this process has lost, seen late, is its own', async (t) => {
  const { facts, see, lease } = start({ ...OWN, leaseId: 8 })
  await see(OWN)
  lease(8)

  for (const version of ['9', '9', '10', '10', '11']) await see({ ...OWN, version })
  t.same(facts, [])

  await see()
  for (const version of ['1', '2']) await see({ ...OWN, version })
  t.match(facts, [{ leaseId: 8, otherLeaseId: 7 }], 'its number was given out again')
})

t.test('the lease of a predecessor that has ended is no second process', async (t) => {
  const { facts, see } = start()

  for (let times = 0; times < 8; times += 1) await see(OTHER)
  for (let times = 0; times < 8; times += 1) await see({ ...OTHER, leaseId: 4, version: '1' })
  await see()

  t.same(facts, [])
})

t.test('an instance with another id is no second process, however often it renews', async (t) => {
  const { facts, see } = start()

  for (let times = 0; times < 8; times += 1) {
    await see({ ...OTHER, version: `${times}`, instanceId: 'other' })
  }

  t.same(facts, [])
})

t.test('leases of an instance that has got this one’s number are no second process', async (t) => {
  const { facts, see } = start({ ...OWN, instanceId: 'other' })

  // As after a restore of PostgreSQL, which gives the numbers of leases out again.
  for (let times = 0; times < 8; times += 1) {
    await see({ ...OTHER, version: `${times}`, instanceId: 'other' })
  }

  t.same(facts, [])
})
