// The proxies of chaos runs over real sockets: what they pass on, what they answer and record, and
// what the oracle hears of it.

import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { describeAnswer, HttpClient } from '../../bench/load/client.ts'
import { parseTarget } from '../../bench/load/target.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { Chance } from '../simulation/chance.ts'
import type { ChargeConduct, LookUpConduct } from '../simulation/worlds/conduct.ts'
import { describeReply, type Reply } from '../simulation/worlds/http-ends.ts'
import { Oracle } from '../simulation/worlds/oracle.ts'
import { boundsOf } from './options.ts'
import { drawProxyConduct, HttpProxy, type ProxyConduct } from './proxy.ts'

const AT = '2026-03-01T10:00:00.000Z'

/** A caller gives up after so long, ms; where many are never answered, sooner. */
const PATIENCE_MS = 10_000
const LITTLE_PATIENCE_MS = 150

const page = (status: number): Reply => ({ kind: 'answer', status, body: 'html' })
const empty = (status: number): Reply => ({ kind: 'answer', status, body: 'none' })
const CONTRACT: Reply = { kind: 'answer', status: 200, body: 'contract' }

t.test('a proxy passes on what it has no conduct for', async (t) => {
  const { proxy, charge, lookUp, recorded } = await startProxy(t)
  const [one, other] = [randomUUID(), randomUUID()]

  t.equal(await charge(one), 'HTTP 200')
  proxy.behave(conductOf({ lookUp: { reply: page(503) } }))
  t.equal(await charge(other), 'HTTP 200')
  t.equal((await lookUp(one)).status, 503)
  proxy.behave(null)

  t.match(await lookUp(one), { status: 200, json: { correlationId: one } })
  t.equal(recorded(), 2)
  t.equal(proxy.charges, 2)
})

t.test('a proxy caches each 404 to a look-up by its URL', async (t) => {
  const { charge, lookUp } = await startProxy(t)
  const id = randomUUID()
  const statusAt = async (query: string): Promise<number> => (await lookUp(`${id}${query}`)).status

  t.equal(await statusAt('?fresh=1'), 404)
  t.equal(await charge(id), 'HTTP 200')

  t.equal(await statusAt('?fresh=1'), 404)
  t.equal(await statusAt('?fresh=2'), 200)
  t.equal(await statusAt('?fresh=2'), 200)
})

t.test('a charge is recorded before the reply, after it or never, as drawn', async (t) => {
  const { proxy, charge, recorded } = await startProxy(t)
  for (const [records, now, atLast] of [
    ['before', 1, 1],
    ['after', 1, 2],
    ['not', 2, 2],
  ] as const) {
    proxy.behave(conductOf({ charge: { reply: page(404), records, afterMs: [100, 100] } }))

    t.equal(await charge(randomUUID()), 'HTTP 404')
    if (records !== 'after') t.equal(recorded(), now, records)
    await proxy.settled()
    t.equal(recorded(), atLast, `${records}, at last`)
  }
})

t.test('only what went beyond a bound is excused', async (t) => {
  const rows: readonly [Partial<ChargeConduct>, string | undefined][] = [
    [{ reply: page(404), records: 'not' }, undefined],
    [{ reply: page(404), records: 'before' }, 'recorded though it was refused'],
    [{ reply: empty(500), records: 'before' }, undefined],
    [{ reply: empty(500), records: 'after' }, 'recorded after a 500'],
    [{ reply: page(200), records: 'not' }, undefined],
    [{ reply: CONTRACT, records: 'before' }, undefined],
    [{ reply: CONTRACT, records: 'not' }, 'answered 200 and not recorded'],
    [{ reply: { kind: 'reset' }, records: 'after' }, undefined],
  ]
  const late: (typeof rows)[number] = [
    { reply: { kind: 'reset' }, records: 'after', afterMs: [50, 50] },
    'recorded after the settle-by deadline',
  ]
  for (const [settleByMs, row] of [
    ...rows.map((each) => [60_000, each] as const),
    [1, late] as const,
  ]) {
    const [conduct, bound] = row
    const { proxy, charge, oracle } = await startProxy(t, { settleByMs })
    const id = randomUUID()
    proxy.behave(conductOf({ charge: conduct }))

    await charge(id)
    await proxy.settled()

    t.equal(oracle.beyond.get(id), bound, JSON.stringify(conduct))
  }
})

t.test('a recorded payment that look-ups hide is excused between two controls only', async (t) => {
  const { proxy, charge, lookUp, oracle } = await startProxy(t)
  const [control, paid, unpaid] = [randomUUID(), randomUUID(), randomUUID()]
  for (const id of [control, paid]) await charge(id)
  const hidden = async (reply: Reply): Promise<void> => {
    proxy.behave(conductOf({ lookUp: { reply } }))
    for (const id of [paid, unpaid]) await lookUp(id)
  }
  const found = async (): Promise<void> => {
    proxy.behave(null)
    await lookUp(control)
  }

  await hidden(empty(404))
  await found()
  t.notOk(oracle.beyond.has(paid), 'none before it')
  for (const reply of [page(404), empty(503)]) {
    await hidden(reply)
    await found()
    t.notOk(oracle.beyond.has(paid), describeReply(reply))
  }
  await hidden(empty(404))
  t.notOk(oracle.beyond.has(paid), 'none behind it')
  await found()
  t.equal(oracle.beyond.get(paid), 'hidden between two controls')
  t.notOk(oracle.beyond.has(unpaid))
})

t.test('a look-up that lies tells the truth but for one thing', async (t) => {
  const { proxy, charge, lookUp } = await startProxy(t)
  const id = randomUUID()
  await charge(id)
  const truth = { correlationId: id, amount: 1, requestedAt: AT }

  for (const [lie, name] of [
    ['amount', 'amount'],
    ['id', 'correlationId'],
    ['instant', 'requestedAt'],
  ] as const) {
    proxy.behave(conductOf({ lookUp: { reply: CONTRACT, lie } }))
    const { json } = await lookUp(id)

    t.strictSame({ ...json, [name]: truth[name] }, truth)
    t.not(json?.[name], truth[name])
  }
})

t.test('what both processors refuse with 400 may be given up', async (t) => {
  const oracle = new Oracle('fair')
  const both = [
    await startProxy(t, { oracle }),
    await startProxy(t, { oracle, processor: 'fallback' }),
  ]
  const id = randomUUID()

  for (const form of [page, empty]) {
    for (const { proxy, charge } of both) {
      t.notOk(oracle.mayBeRejected(id))
      proxy.behave(conductOf({ charge: { reply: form(400) } }))
      await charge(id)
    }
  }

  t.ok(oracle.mayBeRejected(id), 'by two in the form of a processor, and not by pages')
})

t.test('each drawn conduct is answered or falls silent, and the proxy goes on', async (t) => {
  const { proxy, charge, lookUp } = await startProxy(t, { timeoutMs: LITTLE_PATIENCE_MS })
  const chance = new Chance(5)
  for (let drawn = 0; drawn < 60; drawn += 1) {
    const conduct = drawProxyConduct(chance, { ...boundsOf({}), landingMaxMs: 20 })
    const soon = <Drawn>(call: Drawn | null) => call && { ...call, delayMs: [0, 1] as const }
    const { charge: one, lookUp: other, probe } = conduct
    proxy.behave({ ...conduct, charge: soon(one), lookUp: soon(other), probe: soon(probe) })

    await Promise.all([charge(randomUUID()), lookUp(randomUUID())])
  }
  proxy.behave(null)
  await proxy.settled()

  const answer = await fetch(`${proxy.url}/payments/${randomUUID()}`)
  t.equal(answer.status, 404)
  t.equal(await answer.text(), '')
})

function conductOf(drawn: {
  readonly charge?: Partial<ChargeConduct>
  readonly lookUp?: Partial<LookUpConduct>
}): ProxyConduct {
  const call = { share: 1, reply: page(500), delayMs: [0, 0] } as const
  const charge: ChargeConduct = { ...call, records: 'not', afterMs: [0, 0], ...drawn.charge }
  const lookUp: LookUpConduct = { ...call, lie: 'amount', ...drawn.lookUp }
  return {
    charge: drawn.charge === undefined ? null : charge,
    lookUp: drawn.lookUp === undefined ? null : lookUp,
    probe: null,
    headers: { framing: 'length', lines: [] },
    seed: 1,
  }
}

async function startProxy(
  t: Test,
  {
    oracle = new Oracle('fair'),
    processor = 'default',
    settleByMs = 20_000,
    timeoutMs = PATIENCE_MS,
  }: {
    readonly oracle?: Oracle
    readonly processor?: 'default' | 'fallback'
    readonly settleByMs?: number
    readonly timeoutMs?: number
  } = {},
) {
  const simulator = await startSimulator({ port: 0, feeRate: 0.05, name: processor })
  t.teardown(() => simulator.close())
  const place = { processor, port: await freePort(), target: simulator.port }
  const proxy = new HttpProxy({ ...place, oracle, settleByMs })
  await proxy.open()
  t.teardown(() => proxy.close())
  const http = new HttpClient({ target: parseTarget(proxy.url), timeoutMs })
  t.teardown(() => http.close())
  return {
    proxy,
    oracle,
    recorded: () => simulator.ledger.summarize({}).payments,
    charge: async (correlationId: string): Promise<string> => {
      const body = JSON.stringify({ correlationId, amount: 1, requestedAt: AT })
      const answer = await http.request({ method: 'POST', path: '/payments', body })
      return describeAnswer(answer)
    },
    lookUp: async (correlationId: string) => {
      const answer = await http.request({ method: 'GET', path: `/payments/${correlationId}` })
      if (answer.kind !== 'answered') return { status: 0 }
      const text = answer.body.toString('utf8')
      const json = text.startsWith('{') && answer.status === 200 ? readJson(text) : undefined
      return { status: answer.status, json }
    },
  }
}

function readJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
