import t from 'tap'
import type { Actor } from 'xstate'
import { CacheUnavailable, LedgerUnavailable } from '../../../src/actors/model/errors.ts'
import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { CircuitCache, Processor } from '../../../src/actors/model/ports.ts'
import { probingMachine } from '../../../src/actors/circuit/probing.machine.ts'
import type { HealthEvent } from '../../../src/actors/circuit/context.ts'
import { takeoverMachine } from '../../../src/actors/ownership/takeover.machine.ts'
import { startActorSystem, settled, type ActorSystem } from '../../support/actor-system.ts'
import { claimedPayment } from '../../support/payment-samples.ts'
import { scriptedPort, type ScriptedPort } from '../../support/scripted-port.ts'
import { ANY_TIME_OF_DAY } from '../../support/standing-time.ts'

const GONE = new LedgerUnavailable('takeOver', 'unknown')
const BUG = new TypeError('a planted bug')
const CACHE_GONE = new CacheUnavailable('cache')

const OTHER = { leaseId: 3, version: '1', ttlMs: null, hasOwnId: false }
const OWN = { leaseId: 7, version: '9', ttlMs: null, hasOwnId: true }

function taken(...ids: readonly string[]) {
  return { payments: ids.map((id) => claimedPayment(id)), leases: [OWN, OTHER] }
}

/** Lets that much time pass, in which the other lease is seen as this, and one that is renewed. */
async function watch(system: ActorSystem, seen: object, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    system.clock.increment(500)
    const renewed = { leaseId: 2, version: `${system.clock.now()}`, ttlMs: null }
    const leases = [OWN, renewed, seen]
    ;(await system.ledger.called('takeOver')).answer({ payments: [], leases })
    await settled()
  }
}

t.test('payments without a living owner are sought twice a second', async (t) => {
  const { system, takeover } = startTakeover()
  system.clock.increment(499)
  t.same(system.ledger.waiting, [])
  system.clock.increment(1)
  const call = await system.ledger.called('takeOver')

  call.answer(taken())
  await settled()

  t.same(call.args, [{ leaseId: 7, limit: 2, settleByMs: 4000, expired: [] }])
  t.equal(takeover.getSnapshot().value, 'waiting')
  t.same(system.sentEvents, [], 'nothing was found, nothing is told')
  system.clock.increment(500)
  ;(await system.ledger.called('takeOver')).answer(taken('a'))
  await settled()
  t.match(system.sentEvents, [
    { to: 'payments', event: { from: 'takeover', batch: [{}], leaseId: 7 } },
  ])
})

t.test('each look tells how many commands operators have given', async (t) => {
  const system = startActorSystem(['payments', 'commands'])
  const bounds = { batchMax: 2, leaseTtlMs: 3250, settleByMs: 4000 }
  system.start(takeoverMachine, { ports: system.ports, ...bounds })
  system.clock.increment(500)

  ;(await system.ledger.called('takeOver')).answer({ payments: [], leases: [OWN], commands: 5 })
  await settled()

  t.same(system.sentEvents, [{ to: 'commands', event: { type: 'commands.counted', last: 5 } }])
})

t.test(
  'a lease is revoked once it was seen unrenewed for its length by the monotonic clock',
  async (t) => {
    const { system } = startTakeover()
    await watch(system, OTHER, 4)
    await watch(system, { ...OTHER, version: '2' }, 6)

    system.clock.increment(500)
    const early = await system.ledger.called('takeOver')
    early.answer({ payments: [], leases: [OWN, { ...OTHER, version: '2' }] })
    await settled()
    system.clock.increment(500)
    const late = await system.ledger.called('takeOver')

    const asked = { leaseId: 7, limit: 2, settleByMs: 4000 }
    t.same(early.args, [{ ...asked, expired: [] }], '3,000 ms after it was seen renewed')
    t.same(late.args, [{ ...asked, expired: [{ ...OTHER, version: '2', since: 2500 }] }])
  },
)

t.test('a lease that is shorter than two intervals is revoked as well', async (t) => {
  const { system } = startTakeover(600)
  await watch(system, OTHER, 3)
  system.clock.increment(500)

  const call = await system.ledger.called('takeOver')

  t.match(call.args, [{ expired: [{ ...OTHER, since: 500 }] }])
})

t.test('a lease that says its own length is revoked after that, shorter or longer', async (t) => {
  const { system } = startTakeover()
  const long = { leaseId: 3, version: '1', ttlMs: 6_000 }
  const short = { leaseId: 4, version: '1', ttlMs: 1_000 }
  const expired: unknown[] = []
  for (let time = 0; time < 15; time += 1) {
    system.clock.increment(500)
    const call = await system.ledger.called('takeOver')
    expired.push(call.args.flatMap((asked) => (asked as { expired: object[] }).expired))
    call.answer({ payments: [], leases: [OWN, long, ...(time < 4 ? [short] : [])] })
    await settled()
  }

  const [ofShort, ofLong] = [
    { ...short, since: 500 },
    { ...long, since: 500 },
  ]
  t.same(expired.slice(0, 3), [[], [], []])
  t.same(expired[3], [ofShort], '1,500 ms after it was seen first')
  t.same(expired.slice(4, 13), [[ofShort], [], [], [], [], [], [], [], []])
  t.same(expired.slice(13), [[ofLong], [ofLong]], '6,500 ms after')
})

t.test('after an outage that is long for a short lease it is watched anew', async (t) => {
  const { system } = startTakeover(60_000)
  const short = { leaseId: 4, version: '1', ttlMs: 3_000 }
  await watch(system, short, 5)

  await passUnseen(system, 'failure', 4)
  system.clock.increment(500)
  const call = await system.ledger.called('takeOver')

  t.match(call.args, [{ expired: [] }], 'its owner could not renew it')
})

t.test('a full batch is followed at once by the next', async (t) => {
  const { system, takeover } = startTakeover()
  system.clock.increment(500)

  ;(await system.ledger.called('takeOver')).answer(taken('a', 'b'))
  ;(await system.ledger.called('takeOver')).answer(taken('c'))
  await settled()

  t.equal(system.sentEvents.length, 2)
  t.equal(takeover.getSnapshot().value, 'waiting')
})

/** Time passes in which no leases are seen: calls fail, or the own fence is closed. */
async function passUnseen(system: ActorSystem, cause: 'failure' | 'fence', times: number) {
  if (cause === 'fence') system.fence.close()
  for (let time = 0; time < times; time += 1) {
    system.clock.increment(500)
    if (cause === 'failure') (await system.ledger.called('takeOver')).fail(GONE)
    await settled()
  }
  system.fence.extend({ id: 7, validUntil: Number.POSITIVE_INFINITY, ...ANY_TIME_OF_DAY })
}

t.test('a failed call, or a fence closed by a clock step, begins no watch anew', async (t) => {
  for (const [cause, leaseTtlMs] of [
    ['failure', 3250],
    ['fence', 3250],
    ['failure', 2750],
  ] as const) {
    const { system } = startTakeover(leaseTtlMs)
    await watch(system, OTHER, 5)

    await passUnseen(system, cause, 2)
    system.clock.increment(500)
    const call = await system.ledger.called('takeOver')

    const unseen = `${cause}, for up to half of ${leaseTtlMs} ms`
    t.match(call.args, [{ expired: [{ ...OTHER, since: 500 }] }], unseen)
    const failures = Array.from({ length: cause === 'failure' ? 2 : 0 }, () => 'takeOver')
    t.match(
      system.facts,
      failures.map((operation) => ({ type: 'ledger.failed', operation })),
    )
  }
})

t.test('after an outage each lease is watched anew: nobody could renew one', async (t) => {
  for (const cause of ['failure', 'fence'] as const) {
    const { system } = startTakeover()
    await watch(system, OTHER, 5)

    await passUnseen(system, cause, 4)
    await watch(system, OTHER, 7)
    system.clock.increment(500)
    const call = await system.ledger.called('takeOver')

    t.match(call.args, [{ expired: [{ ...OTHER, since: 5000 }] }], cause)
  }
})

t.test('a drain ends takeover, and what it was claiming still arrives', async (t) => {
  const { system, takeover } = startTakeover()
  system.clock.increment(500)
  const call = await system.ledger.called('takeOver')

  takeover.send({ type: 'drain.started' })
  call.answer(taken('a', 'b'))
  await settled()
  system.clock.increment(3000)

  const told = system.sentEvents.map(({ event }) => event.type)
  t.same(told, ['payments.claimed', 'intake.ended'], 'it says so after the last claimed payments')
  t.equal(takeover.getSnapshot().value, 'closed')
  t.same(system.ledger.waiting, [], 'a full batch is not followed by another')
  const other = startTakeover()
  other.takeover.send({ type: 'drain.started' })
  const ended = { type: 'intake.ended', from: 'takeover' }
  t.match(other.system.sentEvents, [{ to: 'payments', event: ended }])
})

function startTakeover(leaseTtlMs = 3250): {
  system: ActorSystem
  takeover: Actor<typeof takeoverMachine>
} {
  const system = startActorSystem()
  const bounds = { batchMax: 2, leaseTtlMs, settleByMs: 4000 }
  const input = { ports: system.ports, ...bounds }
  return { system, takeover: system.start(takeoverMachine, input) }
}

interface Probing {
  readonly system: ActorSystem
  readonly probing: Actor<typeof probingMachine>
  readonly cache: ScriptedPort<CircuitCache>
  readonly processors: Readonly<Record<ProcessorName, ScriptedPort<Processor>>>
  /** What the circuits were told. */
  readonly told: readonly (readonly [ProcessorName, HealthEvent])[]
}

/** @param circuits what the other instances say of theirs, or why they cannot be read. */
async function startProbing(circuits: object = {}): Promise<Probing> {
  const system = startActorSystem()
  const cache = scriptedPort<CircuitCache>()
  const processors = { default: scriptedPort<Processor>(), fallback: scriptedPort<Processor>() }
  const told: (readonly [ProcessorName, HealthEvent])[] = []
  const circuit = (name: ProcessorName) => ({
    send: (event: HealthEvent) => void told.push([name, event]),
  })
  const probing = system.start(probingMachine, {
    ports: system.ports,
    cache: cache.port,
    processors: { default: processors.default.port, fallback: processors.fallback.port },
    health: { default: circuit('default'), fallback: circuit('fallback') },
    intervalMs: 5000,
  })
  const reading = await cache.called('readCircuits')
  if (circuits instanceof Error) reading.fail(circuits)
  else reading.answer(circuits)
  return { system, probing, cache, processors, told }
}

async function probeBoth({ processors }: Probing, failing: ProcessorName | null): Promise<void> {
  for (const name of ['default', 'fallback'] as const) {
    const probe = await processors[name].called('probe')
    probe.answer({ kind: 'answered', failing: name === failing, minResponseMs: 3 })
  }
}

t.test('an instance that starts believes the circuits that are open at others', async (t) => {
  const report = { processor: 'fallback', since: 1 } as const
  const { cache, system, told } = await startProbing({
    a: [{ ...report, state: 'open' }],
    b: [
      { ...report, state: 'closed' },
      { ...report, processor: 'default', state: 'halfOpen' },
    ],
  })
  ;(await cache.called('takeProbeLease')).answer(false)
  ;(await cache.called('readHealth')).answer({})
  await settled()

  t.same(told, [['fallback', { type: 'opening.reported', at: 0 }]])
  system.clock.increment(500)
  await cache.called('takeProbeLease')
  t.same(cache.waiting, [], 'it asks once')
})

t.test('circuits that could not be read at the start are read later', async (t) => {
  const { cache, system, told } = await startProbing(CACHE_GONE)
  ;(await cache.called('takeProbeLease')).answer(false)
  ;(await cache.called('readHealth')).fail(CACHE_GONE)
  await settled()
  t.same(told, [])

  system.clock.increment(500)
  const circuits = { a: [{ processor: 'default', state: 'open', since: 1 }] }
  ;(await cache.called('readCircuits')).answer(circuits)
  await settled()

  t.same(told, [['default', { type: 'opening.reported', at: 500 }]])
})

t.test(
  'the instance that gets the probe lease asks both processors and publishes the answers',
  async (t) => {
    const probing = await startProbing()
    const { cache, system, told } = probing
    const lease = await cache.called('takeProbeLease')
    lease.answer(true)

    await probeBoth(probing, 'fallback')
    for (const _ of [1, 2]) (await cache.called('publishHealth')).answer(0)
    await settled()

    t.ok(Number(lease.args[0]) > 5000, 'two questions never fall into one window')
    const answered = { type: 'probe.answered', minResponseMs: 3, at: 0 }
    t.match(told, [
      ['default', { ...answered, failing: false }],
      ['fallback', { ...answered, failing: true }],
    ])
    const changes = system.facts.filter(({ type }) => type === 'health.changed')
    t.match(changes, [{ processor: 'default' }, { processor: 'fallback', failing: true }])
  },
)

t.test(
  'an instance without the probe lease reads the answers of another, with their age',
  async (t) => {
    const { cache, system, told, processors } = await startProbing()
    system.clock.increment(100)
    ;(await cache.called('takeProbeLease')).answer(false)

    const health = { failing: true, minResponseMs: 9, ageMs: 60 }
    ;(await cache.called('readHealth')).answer({ fallback: health })
    await settled()

    t.match(told, [['fallback', { failing: true, minResponseMs: 9, at: 40 }]])
    t.same(processors.default.waiting, [])
  },
)

t.test('without Redis each instance probes by itself, once per interval', async (t) => {
  const probing = await startProbing()
  const { cache, system, told } = probing
  ;(await cache.called('takeProbeLease')).fail(CACHE_GONE)
  await probeBoth(probing, null)
  for (const _ of [1, 2]) (await cache.called('publishHealth')).fail(CACHE_GONE)
  await settled()
  t.equal(told.length, 2)

  for (let reading = 0; reading < 9; reading += 1) {
    system.clock.increment(500)
    ;(await cache.called('readHealth')).fail(CACHE_GONE)
    await settled()
  }
  t.equal(told.length, 2, 'nothing is known in between')
  system.clock.increment(500)

  ;(await cache.called('takeProbeLease')).fail(CACHE_GONE)
  await probeBoth(probing, null)
})

t.test('a processor that gives no answer to a probe is believed to be as it was', async (t) => {
  const { cache, system, told, processors } = await startProbing()
  ;(await cache.called('takeProbeLease')).answer(true)
  ;(await processors.default.called('probe')).answer({ kind: 'limited' })
  ;(await processors.fallback.called('probe')).answer({ kind: 'failed', detail: 'timeout' })
  await settled()

  t.same(told, [])
  t.match(system.facts, [
    { type: 'health.unknown', processor: 'default', cause: 'http 429' },
    { type: 'health.unknown', processor: 'fallback', cause: 'timeout' },
  ])
  system.clock.increment(500)
  t.ok(await cache.called('readHealth'), 'and the cache is read again')
})

t.test('a bug in claiming ends takeover', async (t) => {
  const { system, takeover } = startTakeover()
  system.clock.increment(500)

  ;(await system.ledger.called('takeOver')).fail(BUG)
  await settled()

  t.match(takeover.getSnapshot(), { status: 'error', error: BUG })
  t.same(system.facts, [], 'it is not told as a failure of the ledger')
})

t.test('a bug in a probe, or in what it brings, ends probing', async (t) => {
  const thrown = await startProbing()
  ;(await thrown.cache.called('takeProbeLease')).answer(true)
  ;(await thrown.processors.default.called('probe')).fail(BUG)
  await settled()
  t.match(thrown.probing.getSnapshot(), { status: 'error', error: BUG })

  const unexpected = await startProbing()
  ;(await unexpected.cache.called('takeProbeLease')).fail(BUG)
  await settled()
  t.match(unexpected.probing.getSnapshot(), { status: 'error', error: BUG })

  const unreadable = await startProbing()
  ;(await unreadable.cache.called('takeProbeLease')).answer(false)
  ;(await unreadable.cache.called('readHealth')).answer(null)
  await settled()
  t.match(unreadable.probing.getSnapshot(), { status: 'error', error: { name: 'TypeError' } })
})
