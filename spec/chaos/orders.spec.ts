// What a chaos run makes of operators' orders, by `pit` over a port that answers as an instance does.

import t, { type Test } from 'tap'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Part } from '../../bench/layout/part.ts'
import type { PitPart } from '../../bench/layout/pit.ts'
import type { FaultName } from './fault-kinds.ts'
import { Orders, type OrdersOptions } from './orders.ts'
import { drawPlan } from './plan.ts'
import { boundsOf } from './options.ts'

t.test('a charge that arrives while all instances obey a pause is told of', async (t) => {
  const { orders, ordered } = await started(t, { chargesAtEachReading: 1 })

  await t.rejects(orders.inject(brief('order-pause')), /was sent 1 charges while it was paused/)
  t.same(ordered(), ['pause', 'resume'], 'and it is resumed all the same')
})

t.test('a pause in which nothing arrives is as it has to be', async (t) => {
  const { orders, ordered, notes } = await started(t, { chargesAtEachReading: 0 })

  await orders.inject(brief('order-pause'))

  t.same(ordered(), ['pause', 'resume'])
  t.match(notes, [/is obeyed, 0 charges/])
})

t.test('charges are not counted while an instance is down on purpose', async (t) => {
  const { orders, notes } = await started(t, { chargesAtEachReading: 1, isDown: true })

  await orders.inject(brief('order-pause'))

  t.match(notes, [/is obeyed, uncounted charges/])
})

t.test('a hold is awaited until the instance says that it has ended', async (t) => {
  const { orders, ordered, readings } = await started(t, {
    chargesAtEachReading: 0,
    heldForReadings: 2,
  })

  await orders.inject(brief('order-closed'))
  t.equal(readings(), 3)
  await orders.end()

  t.same(ordered(), ['hold', 'resume'], 'what was touched is resumed in the end')
})

t.test('a drain is given although it is refused, once its instance has ended', async (t) => {
  const { orders, ordered } = await started(t, { chargesAtEachReading: 0, refuses: true })
  const ended = { name: 'pit-2', pid: undefined, ended: () => Promise.resolve() }

  await orders.drain(ended as unknown as PitPart)

  t.same(ordered(), ['drain'])
})

/** The first of its kind that is drawn, and as short as any. */
function brief(name: FaultName): Parameters<Orders['inject']>[0] {
  const request = { seed: 1, durationMs: 60_000, instances: 1, bounds: boundsOf({}) }
  const [fault] = drawPlan({ ...request, faults: [name] })
  if (fault === undefined) throw new Error(`no ${name} was drawn`)
  return { ...fault, lastsMs: 1 }
}

interface Given {
  /** Charges that have arrived since their number was last read. */
  readonly chargesAtEachReading: number
  readonly isDown?: boolean
  /** Whether the instance refuses each order. */
  readonly refuses?: boolean
  /** How often the metrics say that a circuit is held before they say that none is. */
  readonly heldForReadings?: number
}

async function started(t: Test, given: Given) {
  const ordered: string[] = []
  const notes: string[] = []
  let readings = 0
  const metrics = (): string => {
    readings += 1
    const held = readings <= (given.heldForReadings ?? 0) ? 1 : 0
    return (['default', 'fallback'] as const)
      .map((name) => `pit_circuit_state{processor="${name}",state="heldClosed"} ${held}\n`)
      .join('')
  }
  const server = createServer((request, response) => {
    void answer(request, response, { ordered, metrics, refuses: given.refuses === true })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const pit = { name: 'pit-1', opsUrl: `http://127.0.0.1:${port}` }
  let charges = 0
  const relay = {
    get charges() {
      charges += given.chargesAtEachReading
      return charges
    },
  }
  // Orders need nothing else of a system.
  const system = {
    layout: { pits: [pit] },
    relays: { default: relay, fallback: relay },
  } as unknown as OrdersOptions['system']
  const downOnPurpose = new Set(given.isDown === true ? [pit as unknown as Part] : [])
  const orders = new Orders({ system, downOnPurpose, note: (text) => notes.push(text) })
  return { orders, notes, ordered: () => ordered, readings: () => readings }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  {
    ordered,
    metrics,
    refuses,
  }: {
    readonly ordered: string[]
    readonly metrics: () => string
    readonly refuses: boolean
  },
): Promise<void> {
  if (request.url === '/metrics') return void response.end(metrics())
  const json = (value: object): void => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(value))
  }
  if (request.url === '/console/access') return json({ by: 'loopback', token: 'a-token' })
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { kind, reason, ...payload } = JSON.parse(String(Buffer.concat(chunks))) as {
    kind: string
    reason: string
  }
  ordered.push(kind)
  if (refuses) response.statusCode = 409
  if (refuses) return json({ detail: 'No living instance has this id.' })
  const at = '2026-03-01T10:00:00.000Z'
  const who = { id: ordered.length, at, by: 'loopback', via: 'cli', kind, payload, reason }
  json({ ...who, until: null, awaited: ['pit-1'], result: { 'pit-1': {} }, doneAt: at })
}
