import t from 'tap'
import type { Actor } from 'xstate'
import type { CircuitState, HealthEvent } from '../../../src/actors/circuit/context.ts'
import { probingMachine } from '../../../src/actors/circuit/probing.machine.ts'
import { CacheUnavailable } from '../../../src/actors/model/errors.ts'
import type { ProcessorName } from '../../../src/actors/model/payment.ts'
import type { CircuitCache, Processor } from '../../../src/actors/model/ports.ts'
import { startActorSystem, settled, type ActorSystem } from '../../support/actor-system.ts'
import { scriptedPort, type ScriptedPort } from '../../support/scripted-port.ts'

const BUG = new TypeError('a planted bug')
const CACHE_GONE = new CacheUnavailable('cache')

interface Probing {
  readonly system: ActorSystem
  readonly probing: Actor<typeof probingMachine>
  readonly cache: ScriptedPort<CircuitCache>
  readonly processors: Readonly<Record<ProcessorName, ScriptedPort<Processor>>>
  /** What the circuits were told. */
  readonly told: readonly (readonly [ProcessorName, HealthEvent])[]
  /** Has both circuits be in this state; they are closed before. */
  become(state: CircuitState): void
}

/** @param circuits what the other instances say of theirs, or why they cannot be read. */
async function startProbing(circuits: object = {}): Promise<Probing> {
  const system = startActorSystem()
  const cache = scriptedPort<CircuitCache>()
  const processors = { default: scriptedPort<Processor>(), fallback: scriptedPort<Processor>() }
  const told: (readonly [ProcessorName, HealthEvent])[] = []
  let value: CircuitState = 'closed'
  const circuit = (name: ProcessorName) => ({
    send: (event: HealthEvent) => void told.push([name, event]),
    getSnapshot: () => ({ value }),
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
  const become = (state: CircuitState): void => void (value = state)
  return { system, probing, cache, processors, told, become }
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

t.test('the cache is not read while both circuits are closed and nobody may ask', async (t) => {
  const { cache, system, told } = await startProbing()
  ;(await cache.called('takeProbeLease')).answer(false)
  const health = { failing: false, minResponseMs: 9 }
  const ages = { default: { ...health, ageMs: 60 }, fallback: { ...health, ageMs: 50 } }
  ;(await cache.called('readHealth')).answer(ages)
  await settled()

  system.clock.increment(4989)
  t.same([told.length, cache.waiting], [2, []])
  system.clock.increment(1)

  t.ok(await cache.called('takeProbeLease'), 'as soon as the next question may be asked')
})

t.test('circuits that are not closed are told twice a second what is known', async (t) => {
  const { cache, system, told, become } = await startProbing()
  become('halfOpen')
  const health = { failing: false, minResponseMs: 9, ageMs: 0 }
  for (const tellings of [2, 4]) {
    ;(await cache.called('takeProbeLease')).answer(false)
    ;(await cache.called('readHealth')).answer({ default: health, fallback: health })
    await settled()
    t.equal(told.length, tellings)
    system.clock.increment(500)
  }
})

t.test('without Redis each instance probes by itself, once per interval', async (t) => {
  const probing = await startProbing()
  const { cache, system, told } = probing
  ;(await cache.called('takeProbeLease')).fail(CACHE_GONE)
  await probeBoth(probing, null)
  for (const _ of [1, 2]) (await cache.called('publishHealth')).fail(CACHE_GONE)
  await settled()
  t.equal(told.length, 2)

  system.clock.increment(5049)
  t.same([told.length, cache.waiting], [2, []], 'nothing is known in between')
  system.clock.increment(1)

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
