// Processors that fail in every way they can, and what Pit's books say in the end.

import t from 'tap'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import type { Faults } from '../../src/simulator/faults.ts'
import { startSimulator, type Simulator } from '../../src/simulator/simulator.ts'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { startPostgres } from '../support/postgres.ts'
import type { PaymentStatus, PitClient } from '../support/system-client.ts'
import { HASTY, startWorld, type World } from '../support/system-world.ts'
import { watchOutages } from '../support/outages.ts'

const postgres = await startPostgres(t)
const NAMES: readonly ProcessorName[] = ['default', 'fallback']

t.test('a payment in doubt is never sent to the other processor', async (t) => {
  const world = await startWorld(t, {
    databaseUrl: await postgres.freshDatabase(),
    env: {
      ...HASTY,
      ATTEMPT_TIMEOUT_MS: '400',
      IN_DOUBT_HORIZON_MS: '3000',
      ROUTE_WAIT_MAX_MS: '0',
    },
  })
  const { simulators, client } = world
  simulators.default.setDelay(1_200)

  const early = await client.postAll(40)
  await waitUntil({ what: 'the first attempt of each has ended' }, async () => {
    const statuses = await statusesOf(client, early)
    return statuses.every(
      ({ state, attempts }) =>
        state === 'settled' || attempts.some(({ outcome }) => outcome !== 'inFlight'),
    )
  })
  const doubtful = (await statusesOf(client, early)).filter(isInDoubtAtDefault)
  const later = await client.postAll(20)
  await world.booksAgree(t)

  const recorded = new Set(
    [...simulators.default.ledger.entries({})].map((each) => each.correlationId),
  )
  t.ok(doubtful.length > 0, `${doubtful.length} are in doubt`)
  t.strictSame(
    doubtful.filter(({ correlationId }) => !recorded.has(correlationId)),
    [],
    'what may have reached the default is paid there',
  )
  for (const { attempts } of await statusesOf(client, early)) {
    const instants = attempts.filter(({ outcome }) => outcome === 'inDoubt')
    t.ok(new Set(instants.map(({ requestedAt }) => requestedAt)).size <= 1, 'one instant')
  }
  t.ok(
    later.some((id) => !recorded.has(id)),
    'later payments go to the fallback meanwhile',
  )
})

t.test('payments outlive an outage of both processors without being charged in vain', async (t) => {
  const world = await startWorld(t, {
    databaseUrl: await postgres.freshDatabase(),
    env: {
      OPS_PORT: String(await freePort()),
      CIRCUIT_OPEN_MS: '400',
      CIRCUIT_OPEN_MAX_MS: '1600',
    },
  })
  const { simulators, client, pits } = world
  const [pit] = pits
  if (pit === undefined) throw new Error('no instance is running')
  const outages = watchOutages(t, pit)

  for (const name of NAMES) simulators[name].setFailure(true)
  for (let wave = 1; wave <= 4; wave += 1) {
    await client.postAll(75)
    await waitUntil({ what: 'both circuits were open' }, () => outages.length >= wave)
  }
  for (const name of NAMES) await simulators[name].close()
  await client.postAll(100)
  await waitUntil({ what: 'both circuits were open twice more' }, () => outages.length >= 6)
  t.strictSame(await client.summary({}), {
    default: { payments: 0, cents: 0 },
    fallback: { payments: 0, cents: 0 },
  })

  for (const name of NAMES) await reopen(simulators, name)
  const waiting = client.register.size
  await world.booksAgree(t)

  const sends = receivedBy(simulators)
  t.ok(sends <= 1.2 * waiting, `recovery took ${sends} sends for ${waiting} payments`)
  const statuses = await statusesOf(client, [...client.register.keys()])
  const sentAt = statuses.flatMap(({ attempts }) => attempts.map((each) => each.requestedAt))
  const burnt = sentAt
    .map(Date.parse)
    .filter((at) => outages.some(({ begin, end }) => at > begin && at < end))
  t.ok(sentAt.length > NAMES.length, `${sentAt.length} attempts are remembered`)
  t.strictSame(burnt, [], 'nothing is sent while both circuits are open')
})

const RECORDED = { share: 0.3 }
const CASES: readonly (readonly [name: string, faults: Partial<Faults>])[] = [
  ['slow past the timeout', { charge: [{ kind: 'slow', delayMs: 1_000, ...RECORDED }] }],
  ['fails before recording', { charge: [{ kind: 'failBeforeRecord', ...RECORDED }] }],
  ['fails after recording', { charge: [{ kind: 'failAfterRecord', ...RECORDED }] }],
  ['says 503 after it', { charge: [{ kind: 'failAfterRecord', status: 503, ...RECORDED }] }],
  ['resets before recording', { charge: [{ kind: 'resetBeforeRecord', ...RECORDED }] }],
  ['resets after recording', { charge: [{ kind: 'resetAfterRecord', ...RECORDED }] }],
  ['resets, then records', { charge: [{ kind: 'resetThenRecord', delayMs: 700, ...RECORDED }] }],
  ['cuts its answer', { charge: [{ kind: 'cutAnswer', ...RECORDED }] }],
  ['drips its answer', { charge: [{ kind: 'dripAnswer', delayMs: 40, ...RECORDED }] }],
  ['answers nothing', { charge: [{ kind: 'emptyAnswer', ...RECORDED }] }],
  ['answers endlessly', { charge: [{ kind: 'hugeAnswer', ...RECORDED }] }],
  ['answers HTML', { charge: [{ kind: 'notJsonAnswer', ...RECORDED }] }],
  ['limits its callers', { charge: [{ kind: 'limited', ...RECORDED }] }],
  ['flaps', { flapMs: 300 }],
  ['fails look-ups', onLookUps({ kind: 'fail', share: 0.3 })],
  ['answers look-ups late', onLookUps({ kind: 'late', delayMs: 300, share: 0.3 })],
  ['answers look-ups too late', onLookUps({ kind: 'late', delayMs: 800, share: 0.3 })],
  ['answers look-ups from the past', onLookUps({ kind: 'stale', delayMs: 200, share: 0.3 })],
]

t.test('the books agree whatever fault the processors have', async (t) => {
  t.jobs = 4
  for (const [name, faults] of CASES) {
    t.test(`the books agree when the processors ${name}`, { buffered: true }, async (t) => {
      const databaseUrl = await postgres.freshDatabase()
      const world = await startWorld(t, { databaseUrl, env: HASTY })
      const { simulators, client } = world
      simulators.default.setFaults({ ...faults, seed: 1 })
      simulators.fallback.setFaults({ ...faults, seed: 2 })

      for (let wave = 1; wave <= 4; wave += 1) {
        await client.postAll(15)
        await waitUntil({ what: 'all are sent' }, () => {
          return receivedBy(simulators) >= 15 * wave
        })
      }
      await world.booksAgree(t)

      for (const { kind } of faults.charge ?? []) {
        t.ok((simulators.default.sends().faults[kind] ?? 0) > 0, `${kind} has happened`)
      }
    })
  }
})

async function statusesOf(
  client: PitClient,
  ids: readonly string[],
): Promise<readonly PaymentStatus[]> {
  const statuses: PaymentStatus[] = []
  for (const id of ids) {
    const status = await client.paymentStatus(id)
    if (typeof status !== 'object') throw new Error(`Pit tells nothing of ${id}`)
    statuses.push(status)
  }
  return statuses
}

function isInDoubtAtDefault({ attempts }: PaymentStatus): boolean {
  return attempts.some((each) => each.processor === 'default' && each.outcome === 'inDoubt')
}

/** Look-ups matter where charges leave unknown outcomes behind. */
function onLookUps(fault: Faults['lookUp'][number]): Partial<Faults> {
  const charge = [
    { kind: 'resetAfterRecord', share: 0.2 },
    { kind: 'failBeforeRecord', share: 0.1 },
    { kind: 'failAfterRecord', share: 0.1 },
  ] as const
  return { charge, lookUp: [fault] }
}

function receivedBy(simulators: World['simulators']): number {
  return NAMES.reduce((sum, name) => sum + simulators[name].sends().received, 0)
}

/** The same processor, back after its connections were refused: it kept its books. */
async function reopen(simulators: World['simulators'], name: ProcessorName): Promise<Simulator> {
  const { port, ledger } = simulators[name]
  const feeRate = name === 'default' ? 0.05 : 0.15
  simulators[name] = await startSimulator({ port, feeRate, name, ledger })
  return simulators[name]
}
