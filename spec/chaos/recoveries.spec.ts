import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { FaultName } from './fault-kinds.ts'
import { TcpRelay } from './relay.ts'
import {
  type Backlog,
  judgeRecoveries,
  OPENINGS_MAX,
  openingsDuring,
  readOpenings,
  Recoveries,
  sendsPerPayment,
} from './recoveries.ts'
import { floodedRecoveries } from './verdict.ts'
import { freePort } from '../../src/infra/process/free-port.ts'
import { describeAnswer, HttpClient } from '../../bench/load/client.ts'
import { parseTarget } from '../../bench/load/target.ts'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts'

t.test('a recovery with 1.2 charges per payment passes', async (t) => {
  const { recoveries, recovering, charge } = await startRecovery(t, { waiting: 20, accepted: 5 })

  await recovering('gone')
  for (let sent = 0; sent < 30; sent += 1) await charge()
  await recoveries.end('default')

  const judged = judgeRecoveries(recoveries.measured, [])
  t.match(judged, [{ fault: 'gone', waiting: 20, accepted: 5, sends: 30, verdict: 'held' }])
  t.equal(judged.map(sendsPerPayment).join(), '1.2')
  t.strictSame(floodedRecoveries(judged), [])
})

t.test('a recovering processor that is flooded is noticed', async (t) => {
  const { recoveries, recovering, charge } = await startRecovery(t, { waiting: 20, accepted: 5 })

  await recovering('gone')
  for (let sent = 0; sent < 31; sent += 1) await charge()
  await recoveries.end('default')

  const judged = judgeRecoveries(recoveries.measured, [])
  t.match(judged, [{ sends: 31, verdict: 'broken' }])
  t.match(floodedRecoveries(judged), [/default after gone, .*: 31 charges for 20 payments/])
})

t.test(
  'charges before a recovery do not count, and one without PostgreSQL is left out',
  async (t) => {
    const { recoveries, recovering, charge, fail } = await startRecovery(t, {
      waiting: 1,
      accepted: 0,
    })

    for (let sent = 0; sent < 9; sent += 1) await charge()
    await recovering('slow')
    await charge()
    await recovering('limited')
    fail()
    await recoveries.end('default')

    t.match(recoveries.measured, [{ fault: 'slow', waiting: 1, sends: 1 }])
    t.equal(recoveries.measured.length, 1)
  },
)

t.test('a circuit that flaps while its processor recovers is noticed', async (t) => {
  const line = (second: number, change: Record<string, string> = {}): string => {
    const time = new Date(AT + second * 1000).toISOString()
    const opened = { processor: 'default', to: 'open', cause: `because ${second % 2}` }
    return JSON.stringify({ time, ...opened, ...change, msg: CHANGED })
  }
  const lines = [line(0), ...[1, 2, 3, 4].map((second) => line(second)), line(11)]
  const others = [line(5, { processor: 'fallback' }), line(6, { to: 'halfOpen' }), '{"half']
  const logs = [...lines, ...others, line(7).slice(0, -3)].join('\n')
  const counts = { waiting: 100, accepted: 0, sends: 100 }
  const recovery = { fault: 'flap', processor: 'default', ...counts } as const
  const during = { ...recovery, fromMs: AT + 500, toMs: AT + 10_000 }

  t.equal(openingsDuring(during, readOpenings('pit-1', logs)).length, 4)
  const judged = judgeRecoveries([during], [{ name: 'pit-1', logs: () => logs }])
  t.match(judged, [{ openings: OPENINGS_MAX + 1, verdict: 'broken' }])
  t.match(floodedRecoveries(judged), [
    /100 payments that waited .*, 4 openings: because 1; because 0$/,
  ])
  const calm = { ...during, toMs: AT + 3500 }
  t.match(judgeRecoveries([calm], [{ name: 'pit-1', logs: () => logs }]), [{ verdict: 'held' }])
})

t.test('two faults that end at once at a processor are followed as one recovery', async (t) => {
  const { recoveries } = await startRecovery(t, { waiting: 20, accepted: 5 })

  await recoveries.faultBegins('default')
  await recoveries.faultBegins('default')
  await Promise.all([
    recoveries.faultEnds('gone', 'default'),
    recoveries.faultEnds('both-gone', 'default'),
  ])
  await recoveries.end('default')

  t.equal(recoveries.measured.length, 1)
})

t.test('a processor recovers only when the last of its faults is over', async (t) => {
  const { recoveries } = await startRecovery(t, { waiting: 20, accepted: 5 })

  await recoveries.faultBegins('default')
  await recoveries.faultBegins('default')
  await recoveries.faultEnds('proxy', 'default')
  await recoveries.end('default')
  t.same(recoveries.measured, [], 'the other one goes on')

  const over = recoveries.faultEnds('gone', 'default')
  await recoveries.faultBegins('default')
  await over
  await recoveries.end('default')
  t.same(recoveries.measured, [], 'a new one began at once')

  await recoveries.faultEnds('slow', 'default')
  await recoveries.end('default')
  t.match(recoveries.measured, [{ fault: 'slow' }])
})

t.test('a relay that two overlapping faults closed opens after the second', async (t) => {
  const simulator = await startProcessor(t)
  const relay = new TcpRelay({ port: await freePort(), target: simulator.port })
  await relay.open()
  t.teardown(() => relay.close())
  const pay = openClient(t, relay.url)

  await relay.close()
  await relay.close()
  await relay.open()
  t.not(await pay(), 'HTTP 200')
  await relay.open()

  t.equal(await pay(), 'HTTP 200')
})

t.test('a relay that loses answers forwards the requests', async (t) => {
  const simulator = await startProcessor(t)
  const relay = new TcpRelay({ port: await freePort(), target: simulator.port })
  await relay.open()
  t.teardown(() => relay.close())
  const pay = openClient(t, relay.url)
  t.equal(await pay(), 'HTTP 200')

  relay.loseNextAnswers()

  t.match(await pay(), /^reset/, 'the answer is lost')
  t.equal(simulator.ledger.summarize({}).payments, 2)
  t.equal(await pay(), 'HTTP 200', 'a new connection is not muted')
})

const AT = Date.parse('2026-03-01T10:00:00.000Z')
const CHANGED = 'circuit.changed'

t.test('openings that the log tells together count, each at its instant', async (t) => {
  const told = { processor: 'default', circuit: 'open', msg: 'circuit.flapped' }
  const time = new Date(AT + 10_000).toISOString()
  const log = JSON.stringify({ ...told, time, openings: 3, openedMsAgo: [9800, 4000, 1000] })
  const counts = { waiting: 100, accepted: 0, sends: 100 }
  const recovery = { fault: 'flap', processor: 'default', ...counts } as const

  const openings = readOpenings('pit-1', log)

  t.same(
    openings.map(({ atMs }) => atMs - AT),
    [200, 6000, 9000],
  )
  t.equal(openingsDuring({ ...recovery, fromMs: AT + 500, toMs: AT + 8000 }, openings).length, 1)
})

t.test('openings told by a clock that was set are placed when they happened', async (t) => {
  const settings = [
    { fromMs: AT, offMs: 0 },
    { fromMs: AT + 90_000, offMs: -74_000 },
    { fromMs: AT + 95_000, offMs: 0 },
  ]
  const lineAt = (seenMs: number) => {
    const told = { processor: 'default', to: 'open', msg: CHANGED }
    return JSON.stringify({ ...told, time: new Date(AT + seenMs).toISOString() })
  }
  const log = [16_000, 89_000, 18_000, 96_000].map(lineAt).join('\n')

  const openings = readOpenings('pit-1', log, settings)

  t.same(
    openings.map(({ atMs }) => atMs - AT),
    [16_000, 89_000, 92_000, 96_000],
  )
})

/** Recoveries over a real processor, and a backlog that is as it is said to be. */
async function startRecovery(
  t: Test,
  counts: { readonly waiting: number; readonly accepted: number },
) {
  const simulator = await startProcessor(t)
  const { waiting, accepted } = counts
  const backlogs: Backlog[] = [
    { total: 100, open: waiting, at: '' },
    { total: 100 + accepted, open: 0, at: '' },
  ]
  let isAway = false
  const recoveries = new Recoveries({
    readBacklog: async () => {
      const backlog = backlogs.length > 1 ? backlogs.shift() : backlogs[0]
      if (isAway || backlog === undefined) throw new Error('PostgreSQL is away')
      return backlog
    },
    countOpenSince: async () => 1,
    countSends: () => simulator.sends().received,
  })
  return {
    recoveries,
    recovering: async (fault: FaultName) => {
      await recoveries.faultBegins('default')
      await recoveries.faultEnds(fault, 'default')
    },
    charge: openClient(t, `http://127.0.0.1:${simulator.port}`),
    fail: () => {
      isAway = true
    },
  }
}

async function startProcessor(t: Test): Promise<Simulator> {
  const simulator = await startSimulator({ port: 0, feeRate: 0.05, name: 'default' })
  t.teardown(() => simulator.close())
  return simulator
}

/** A client of its own keeps to one connection. */
function openClient(t: Test, url: string): () => Promise<string> {
  const client = new HttpClient({ target: parseTarget(url), timeoutMs: 5000 })
  t.teardown(() => client.close())
  return async () => {
    const requestedAt = new Date(AT).toISOString()
    const body = JSON.stringify({ correlationId: randomUUID(), amount: 1, requestedAt })
    return describeAnswer(await client.request({ method: 'POST', path: '/payments', body }))
  }
}
