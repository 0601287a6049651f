// Each row of the table of children: a bug in that child does what its row says.

import assert from 'node:assert'
import t from 'tap'
import {
  CHILD_IDS,
  CHILDREN,
  isChildId,
  type ChildId,
  type OnFailure,
} from '../../../src/actors/supervisor/children.ts'
import { tell } from '../../../src/actors/messages.ts'
import { settled } from '../../support/actor-system.ts'
import { startedPit, type StartedPit } from '../../support/started-pit.ts'
import { claimedPayment } from '../../support/payment-samples.ts'

const BUG = new TypeError('a planted bug')
const TICK_MS = 50
const RENEWAL_MS = 1000
const CLAIM_MS = 500
const SWEEP_MS = 250
/** While no payment is in memory. */
const QUIET_TICK_MS = 250

/** How a bug comes up in each child. */
const BREAK: Readonly<Record<ChildId, (pit: StartedPit) => Promise<void>>> = {
  'processorHealth.default': (pit) => breakCircuit(pit, 'default'),
  'processorHealth.fallback': (pit) => breakCircuit(pit, 'fallback'),
  async persistence(pit) {
    pit.breakOn('batch.accepted', BUG)
    pit.post()
    ;(await pit.ledger.called('accept')).answer({ results: ['accepted'], purges: 0 })
    await settled()
  },
  async payments(pit) {
    pit.breakOn('payments.claimed', BUG)
    await answerClaim(pit)
  },
  async retryQueue(pit) {
    await pit.pass(QUIET_TICK_MS)
    ;(await pit.ledger.called('claimDue')).fail(BUG)
    await settled()
  },
  async takeover(pit) {
    await pit.pass(CLAIM_MS)
    ;(await pit.ledger.called('takeOver')).fail(BUG)
    await settled()
  },
  async strays(pit) {
    await pit.pass(RENEWAL_MS)
    ;(await pit.ledger.called('listOwned')).fail(BUG)
    await settled()
  },
  async probing(pit) {
    ;(await pit.circuitCache.called('readCircuits')).fail(BUG)
    await settled()
  },
  async commands(pit) {
    tell(pit.supervisor.system, 'commands', { type: 'commands.counted', last: 1 })
    ;(await pit.ledger.called('readOrders')).fail(BUG)
    await settled()
  },
  async lease(pit) {
    await pit.pass(RENEWAL_MS)
    ;(await pit.ledger.called('renewLease')).fail(BUG)
    await settled()
  },
}

/** What only a living child asks, after a restart. */
const ASKS_AGAIN: Partial<Readonly<Record<ChildId, (pit: StartedPit) => Promise<unknown>>>> = {
  async retryQueue(pit) {
    await pit.pass(QUIET_TICK_MS)
    return pit.ledger.called('claimDue')
  },
  async takeover(pit) {
    await pit.pass(CLAIM_MS)
    return pit.ledger.called('takeOver')
  },
  async strays(pit) {
    await renew(pit)
    return pit.ledger.called('listOwned')
  },
  probing: (pit) => pit.circuitCache.called('readCircuits'),
  commands: (pit) => pit.ledger.called('readOrders'),
}

/** What the failure of each means, as the design says it. */
const MEANS: Readonly<Record<ChildId, OnFailure['kind']>> = {
  'processorHealth.default': 'drain',
  'processorHealth.fallback': 'drain',
  persistence: 'stop',
  payments: 'stop',
  retryQueue: 'restart',
  takeover: 'restart',
  strays: 'restart',
  probing: 'restart',
  commands: 'restart',
  lease: 'drain',
}

const SAYS = {
  restart: 'puts another one in its place',
  drain: 'drains the instance',
  stop: 'stops the instance at once',
} as const

const AFTERWARDS = { restart: 'accepting', drain: 'draining', stop: 'stopped' } as const

for (const id of CHILD_IDS) {
  const kind = MEANS[id]
  t.test(`a bug in ${id} ${SAYS[kind]}`, async (t) => {
    const pit = await startedPit()

    await BREAK[id](pit)

    t.equal(pit.supervisor.getSnapshot().value, AFTERWARDS[kind])
    const told = pit.facts.filter(
      ({ type }) => type === 'child.restarted' || type === 'drain.started',
    )
    const cause = kind === 'restart' ? BUG.message : `xstate.error.actor.${id}: ${BUG.message}`
    const bug = { child: id, error: BUG }
    const fact =
      kind === 'restart'
        ? { type: 'child.restarted', cause, ...bug }
        : { type: 'drain.started', cause, bug }
    t.match(told, [fact])
    t.equal(told.length, 1)
    const askAgain = ASKS_AGAIN[id]
    t.equal(askAgain !== undefined, kind === 'restart')
    if (askAgain !== undefined) t.ok(await askAgain(pit), 'another one is at work in its place')
  })
}

const RESTARTED = CHILD_IDS.filter((id) => MEANS[id] === 'restart')

for (const id of RESTARTED) {
  t.test(`${id} is restarted five times in a minute, and drains the instance then`, async (t) => {
    const pit = await startedPit()
    // The retry queue is claiming then, which a drain waits for.
    await pit.pass(TICK_MS)
    for (let restarts = 0; restarts < 5; restarts += 1) {
      await BREAK[id](pit)
      await answerRenewal(pit)
    }
    t.equal(pit.supervisor.getSnapshot().value, 'accepting')

    await BREAK[id](pit)

    t.equal(pit.supervisor.getSnapshot().value, 'draining')
    const restarted = pit.facts.filter(({ type }) => type === 'child.restarted')
    t.equal(restarted.length, 5)
    t.match(limitsOf(id), { intensity: 5, periodMs: 60_000 })
  })
}

t.test('restarts count for their own child and within the period only', async (t) => {
  const { intensity, periodMs } = limitsOf('probing')
  const pit = await startedPit()
  for (let restarts = 0; restarts < intensity; restarts += 1) await BREAK.probing(pit)

  await BREAK.retryQueue(pit)
  t.equal(pit.supervisor.getSnapshot().value, 'accepting', 'another child has its own count')
  for (let passed = 0; passed <= periodMs; passed += RENEWAL_MS) await renew(pit)
  await BREAK.probing(pit)

  t.equal(pit.supervisor.getSnapshot().value, 'accepting', 'what is long ago does not count')
})

t.test('a restart counts for a whole minute, its last moment included', async (t) => {
  const { intensity, periodMs } = limitsOf('probing')
  const atTheEnd = async (waitMs: number) => {
    const pit = await startedPit()
    for (let restarts = 0; restarts < intensity; restarts += 1) await BREAK.probing(pit)
    for (let passed = 0; passed < periodMs; passed += RENEWAL_MS) await renew(pit)
    await pit.pass(waitMs)
    await BREAK.probing(pit)
    return pit.supervisor.getSnapshot().value
  }

  t.equal(await atTheEnd(0), 'draining')
  t.equal(await atTheEnd(1), 'accepting')
})

t.test('a lease counts as lost a quarter of a second after its time, not before', async (t) => {
  const pit = await startedPit()
  const seen = { leaseId: 9, version: 1 }
  const expired: boolean[] = []
  // A claim every half second, the first of which sees the lease.
  for (let passed = CLAIM_MS; passed <= 4_000; passed += CLAIM_MS) {
    await (passed % RENEWAL_MS === 0 ? renew(pit, CLAIM_MS) : pit.pass(CLAIM_MS))
    const claim = await pit.ledger.called('takeOver')
    expired.push((claim.args[0] as { readonly expired: readonly unknown[] }).expired.length > 0)
    claim.answer({ payments: [], leases: [seen] })
    await settled()
  }

  // Seen at 0.5 s: 3 s are over at 3.5 s, and 3.25 s at 3.75 s.
  t.same(expired, [...Array.from({ length: 7 }, () => false), true])
})

t.test('the fault: claimed payments were lost with the actor that had claimed them', async (t) => {
  const pit = await startedPit()
  await pit.pass(TICK_MS)
  const first = await pit.ledger.called('claimDue')
  await pit.pass(SWEEP_MS)
  first.answer([claimedPayment('b')])
  await settled()
  await pit.pass(TICK_MS)
  ;(await pit.delayedQueue.called('claimRebuild')).answer(false)
  ;(await pit.delayedQueue.called('takeDue')).answer(['a'])
  ;(await pit.ledger.called('claimParked')).answer([claimedPayment('a')])

  ;(await pit.ledger.called('claimDue')).fail(BUG)
  await settled()

  const owned = [{ correlationId: 'a', fencingToken: 1 }]
  for (let times = 0; times < 2; times += 1) {
    await renew(pit)
    ;(await pit.ledger.called('listOwned')).answer(owned)
    await settled()
  }
  t.match((await pit.ledger.called('reclaim')).args, [owned, { leaseId: 7 }])
})

t.test('a child that is restarted in a drain takes part in it', async (t) => {
  const pit = await startedPit()
  await pit.pass(TICK_MS)
  const claiming = await pit.ledger.called('claimDue')
  pit.stop()
  await settled()
  t.equal(
    pit.supervisor.getSnapshot().value,
    'draining',
    'the payments that are being claimed are waited for',
  )

  claiming.fail(BUG)
  await settled()

  const release = await pit.ledger.called('releaseLease')
  release.answer(undefined)
  await settled()
  t.equal(pit.supervisor.getSnapshot().status, 'done')
  t.equal(pit.clock.now(), TICK_MS, 'no grace and no deadline had to pass')
})

t.test('a lease whose actor has failed is not waited for at the end of a drain', async (t) => {
  const pit = await startedPit()

  await BREAK.lease(pit)
  ;(await pit.ledger.called('takeOver')).answer({ payments: [], leases: [] })
  ;(await pit.ledger.called('listOwned')).answer([])
  ;(await pit.ledger.called('claimDue')).answer([])
  await settled()

  t.equal(pit.supervisor.getSnapshot().status, 'done')
})

t.test('an actor that is in no row is not a child of the supervisor', async (t) => {
  t.notOk(isChildId('payment'))
  t.notOk(isChildId('toString'))
})

function limitsOf(id: ChildId): { readonly intensity: number; readonly periodMs: number } {
  const { onFailure } = CHILDREN[id]
  assert(onFailure.kind === 'restart')
  return onFailure
}

/** Its probe says that the processor fails; telling so meets a bug. */
async function breakCircuit(pit: StartedPit, name: 'default' | 'fallback'): Promise<void> {
  pit.breakOn('circuit.changed', BUG)
  // The retry queue is claiming then, which a drain waits for.
  await pit.pass(TICK_MS)
  ;(await pit.circuitCache.called('readCircuits')).answer({})
  ;(await pit.circuitCache.called('takeProbeLease')).answer(false)
  const answer = { failing: true, minResponseMs: 0, ageMs: 0 }
  ;(await pit.circuitCache.called('readHealth')).answer({ [name]: answer })
  await settled()
}

/** The claim that is being made brings one payment. */
async function answerClaim(pit: StartedPit): Promise<void> {
  await pit.pass(TICK_MS)
  ;(await pit.ledger.called('claimDue')).answer([claimedPayment('a')])
  await settled()
}

async function renew(pit: StartedPit, afterMs = RENEWAL_MS): Promise<void> {
  await pit.pass(afterMs)
  ;(await pit.ledger.called('renewLease')).answer({ held: true, purges: 0, ledgerNow: 0 })
  await settled()
}

/** If the lease is being renewed. */
async function answerRenewal(pit: StartedPit): Promise<void> {
  if (pit.ledger.waiting.includes('renewLease')) await renew(pit, 0)
}
