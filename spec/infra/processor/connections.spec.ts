import { randomUUID } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Test } from 'tap'
import { waitUntil } from '../../../bench/layout/wait.ts'
import type { ChargeAnswer } from '../../../src/actors/model/ports.ts'
import { startNeverAcceptingServer } from '../../support/never-accepting-server.ts'
import { CHARGE, charge, lookUp, openClient, sendCharge } from '../../support/processor.ts'
import { seeded } from '../../support/seeded.ts'
import {
  answer,
  hangUp,
  raw,
  reset,
  silent,
  startRawProcessor,
  startTellingProcessor,
} from '../../support/raw-processor.ts'
import type { RawRequest, Respond } from '../../support/raw-processor.ts'

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const JSON_BODY = '{"message":"ok"}'

t.test('a charge is refused when no connection to its processor can be opened', refusals)
t.test('a charge is refused when the lease is lost before the request is written', lostLease)
t.test(
  'a connection that the processor closed while idle is replaced before a charge is sent',
  idledAway,
)
t.test('a charge is in doubt when its connection closes as it is written', closedAtWrite)
t.test('a charge is refused, not queued, when all connections are in use', beyondConnections)
t.test('a late answer is not taken for the answer to the next charge', lateAnswer)
t.test('a charge is sent at most once, whatever its connection does', atMostOnce)
t.test('a client that closes answers pending calls and refuses later ones', closing)
t.test('look-ups are answered while every charge hangs', async (t) => {
  const processor = await startRawProcessor(t, (socket, request) => {
    if (request.method === 'GET') answer(404, '')(socket, request)
  })
  const client = openClient(t, { url: processor.url, connections: 2, attemptTimeoutMs: 60_000 })
  void charge(client)
  void charge(client)
  while (processor.requests.length < 2) await processor.nextRequest()

  t.same(await lookUp(client, randomUUID()), { kind: 'missing' })
})

t.test(
  'a charge that is given up resets its connection: nothing of it arrives later',
  async (t) => {
    const { processor, ends } = await startTellingProcessor(t)
    const client = openClient(t, { url: processor.url, attemptTimeoutMs: 50 })

    t.match(await charge(client), { kind: 'inDoubt', detail: 'timeout' })

    t.strictSame(await Promise.all(ends), ['ECONNRESET'])
  },
)

t.test('a client that closes resets the connections of charges under way', async (t) => {
  const { processor, ends } = await startTellingProcessor(t)
  const client = openClient(t, { url: processor.url })
  const underWay = [charge(client), charge(client)]
  while (processor.requests.length < 2) await processor.nextRequest()

  await client.close()

  for (const said of await Promise.all(underWay)) t.match(said, { kind: 'inDoubt' })
  t.strictSame(await Promise.all(ends), ['ECONNRESET', 'ECONNRESET'])
})

t.test('a connection without a request is closed in order', async (t) => {
  const { processor, ends } = await startTellingProcessor(t, answer(200))
  const client = openClient(t, { url: processor.url })
  t.match(await charge(client), { kind: 'settled' })

  await client.close()

  t.strictSame(await Promise.all(ends), ['closed in order'])
})

t.test(
  'a connection over which an answer came that is not the processor’s own is not used again',
  async (t) => {
    const id = randomUUID()
    const found = `{"correlationId":"${id}","amount":1,"requestedAt":"2026-01-01T00:00:00Z"}`
    const page = '<html>'
    const processor = await startRawProcessor(t, silent)
    const client = openClient(t, { url: processor.url, connections: 1 })
    const ask = { charge: () => charge(client), lookUp: () => lookUp(client, id) }
    for (const [kind, own, others] of [
      [
        'charge',
        [answer(200), answer(422), answer(429, page), answer(400, ''), answer(400, '{}')],
        [answer(503), answer(500), answer(403, page), answer(404, ''), answer(302, '')].concat([
          answer(200, page),
          answer(400, page),
        ]),
      ],
      [
        'lookUp',
        [answer(200, found), answer(200, found.toUpperCase()), answer(404, ''), answer(429, page)],
        [answer(503), answer(404, page), answer(403), answer(200, page)].concat([
          answer(200, found.replaceAll(id, randomUUID())),
        ]),
      ],
    ] as const) {
      const connectionsOf = async (respond: Respond): Promise<readonly number[]> => {
        processor.respond = respond
        const before = processor.requests.length
        for (let time = 0; time < 6; time += 1) await ask[kind]()
        return processor.requests.slice(before).map(({ connection }) => connection)
      }
      for (const respond of own) {
        // Look-ups have two connections more, for the probe and a control.
        t.ok(new Set(await connectionsOf(respond)).size <= 3, kind)
      }
      for (const respond of others) {
        const used = await connectionsOf(respond)
        t.equal(new Set(used).size, 6, kind)
      }
    }
  },
)

t.test('a connection that is closed is not kept, nor what came over it', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const connections: WeakRef<object>[] = []
  const note = (message: unknown): void => {
    connections.push(new WeakRef(Object(message).socket as object))
  }
  subscribe('undici:client:connected', note)
  t.teardown(() => unsubscribe('undici:client:connected', note))
  const notHttp = 'x'.repeat(100_000)
  const processor = await startRawProcessor(t, raw(`HTTP/1.1 116 Odd\r\n\r\n${notHttp}`))
  const client = openClient(t, { url: processor.url, connections: 1 })

  t.match(await charge(client), { kind: 'inDoubt', detail: /^HPE_|HTTPParserError/ })

  t.equal(connections.length, 1)
  await waitUntil({ what: 'the connection is collected', withinMs: 20_000 }, () => {
    collect()
    return connections[0]?.deref() === undefined
  })
})

async function refusals(t: Test): Promise<void> {
  const gone = await startRawProcessor(t, silent)
  await gone.close()
  const neverAccepting = await startNeverAcceptingServer(t)
  const refused = { kind: 'refused' }
  for (const [url, detail] of [
    [gone.url, 'ECONNREFUSED'],
    ['http://no-such-host.invalid', undefined],
    [neverAccepting.url, 'connect timeout'],
  ] as const) {
    // A port that refuses is told as that, however late the machine is with it.
    const connectTimeoutMs = url === gone.url ? 60_000 : 80
    const client = openClient(t, { url, connectTimeoutMs })
    const said = await charge(client)
    t.match(said, detail === undefined ? refused : { ...refused, detail })
  }
}

async function lostLease(t: Test): Promise<void> {
  const processor = await startRawProcessor(t, answer(200))
  const lease = { id: 1, holds: () => true }
  const client = openClient(t, { url: processor.url, lease })
  t.match(await charge(client), { kind: 'settled' })

  // Held at the call, lost when the connection is ready to be written to.
  const saying = charge(client)
  lease.holds = () => false
  t.same(await saying, { kind: 'refused', detail: 'lease lost' })
  t.same(await charge(client), { kind: 'refused', detail: 'lease lost' })
  t.equal(processor.requests.length, 1)

  t.match(await lookUp(client, randomUUID()), { kind: 'foreign' }, 'asking needs no lease')
  t.equal(processor.requests.length, 2)
  lease.holds = () => true
  t.match(await charge(client), { kind: 'settled' })
}

async function idledAway(t: Test): Promise<void> {
  const processor = await startRawProcessor(t, answer(200))
  const client = openClient(t, { url: processor.url })

  for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
    const before = processor.requests.length
    t.match(await charge(client), { kind: 'settled' })
    const closed = [...processor.sockets].map((socket) => once(socket, 'close'))
    for (const socket of processor.sockets) socket[end]()
    await Promise.all(closed)
    // A reset that arrives while the charge waits for its turn fails the charge, unsent.
    const said = await charge(client)
    const sent = processor.requests.length - before - 1
    t.match({ ...said, sent }, sent === 1 ? { kind: 'settled' } : { kind: 'refused', sent: 0 }, end)
  }
}

async function closedAtWrite(t: Test): Promise<void> {
  for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
    const processor = await startRawProcessor(t, answer(200))
    // The lease is asked right before the write: the other end goes away in that instant.
    let atWrite = (): void => undefined
    const lease = {
      id: 1,
      holds: () => {
        atWrite()
        return true
      },
    }
    const client = openClient(t, { url: processor.url, lease })
    t.match(await charge(client), { kind: 'settled' })

    atWrite = () => {
      for (const socket of processor.sockets) socket[end]()
    }
    t.match(await charge(client), { kind: 'inDoubt' }, end)
    t.ok(processor.requests.length <= 2)

    atWrite = () => undefined
    t.not((await charge(client)).kind, 'inDoubt', 'a connection known to be gone is not used')
    t.match(await charge(client), { kind: 'settled' })
  }
}

async function beyondConnections(t: Test): Promise<void> {
  const processor = await startRawProcessor(t, silent)
  const client = openClient(t, { url: processor.url, connections: 3, attemptTimeoutMs: 1_000 })

  const said = await Promise.all([1, 2, 3, 4, 5].map(() => charge(client)))

  t.same(
    said.map(({ detail }) => detail),
    ['timeout', 'timeout', 'timeout', 'no connection', 'no connection'],
  )
  t.equal(said[4]?.kind, 'refused')
  t.equal(processor.requests.length, 3)
  processor.respond = answer(200)
  const again = await Promise.all([1, 2, 3].map(() => charge(client)))
  t.same(
    again.map(({ kind }) => kind),
    ['settled', 'settled', 'settled'],
  )
}

async function lateAnswer(t: Test): Promise<void> {
  const processor = await startRawProcessor(t, silent)
  const client = openClient(t, { url: processor.url, connections: 1, attemptTimeoutMs: 1_000 })
  const first = charge(client)
  await processor.nextRequest()
  const [socket] = processor.sockets
  t.match(await first, { kind: 'inDoubt', detail: 'timeout' })

  processor.respond = answer(422)
  const second = charge(client)
  const any = { method: '', path: '', head: '', body: '', connection: 0 }
  if (socket !== undefined) answer(200)(socket, any)

  t.match(await second, { kind: 'known' })
}

/** Seeded, so that a failure can be seen again. */
async function atMostOnce(t: Test): Promise<void> {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  t.comment(`SEED=${seed}`)
  const behaviours: Respond[] = [
    ...[200, 200, 200, 422, 500, 502].map((code) => answer(code)),
    answer(429),
    answer(200, JSON_BODY, 'connection: close\r\n'),
    answer(200, JSON_BODY, 'keep-alive: timeout=1\r\n'),
    (socket, request) => {
      answer(200)(socket, request)
      socket.end()
    },
    raw(`${HEAD}content-length: 99\r\n\r\n{}`, 'resets'),
    reset,
    hangUp,
    silent,
  ]
  const random = seeded(seed)
  const chosen = new Map<string, number>()
  const processor = await startRawProcessor(t, (socket, request) => {
    const index = random.below(behaviours.length)
    chosen.set(idOf(request), index)
    behaviours[index]?.(socket, request)
    if (random.onceIn(20)) for (const other of processor.sockets) other.destroy()
  })
  const client = openClient(t, { url: processor.url, connections: 16, attemptTimeoutMs: 500 })
  const said = new Map<string, ChargeAnswer>()
  const chargeOn = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 1) {
      const correlationId = randomUUID()
      said.set(correlationId, await sendCharge(client, { ...CHARGE, correlationId }))
    }
  }

  await Promise.all(Array.from({ length: 16 }, () => chargeOn(60)))

  const sent = processor.requests.map(idOf)
  t.equal(sent.length, new Set(sent).size, 'none twice')
  const limited = behaviours.findIndex((behaviour) => behaviour === behaviours[6])
  const wrong = [...said].filter(
    ([id, { kind }]) => kind === 'refused' && chosen.has(id) && chosen.get(id) !== limited,
  )
  t.same(wrong, [], 'none that arrived is called refused, unless the processor said so')
  t.equal(said.size, 16 * 60)

  processor.respond = answer(200)
  // The first rounds may still meet connections that are just going.
  await waitUntil({ what: 'all places are free again' }, async () => {
    const calm = await Promise.all(Array.from({ length: 16 }, () => charge(client)))
    return calm.every(({ kind }) => kind === 'settled')
  })
}

async function closing(t: Test): Promise<void> {
  const processor = await startRawProcessor(t, silent)
  const client = openClient(t, { url: processor.url })
  const underWay = [charge(client), charge(client)]
  const asked = lookUp(client, randomUUID())
  while (processor.requests.length < 3) await processor.nextRequest()

  await client.close()

  for (const said of await Promise.all(underWay)) t.match(said, { kind: 'inDoubt' })
  t.match(await asked, { kind: 'failed' })
  t.match(await charge(client), { kind: 'refused' })
  t.match(await lookUp(client, randomUUID()), { kind: 'failed' })
  t.match(await client.probe(), { kind: 'failed' })
  t.equal(processor.requests.length, 3)
  await client.close()
}

function idOf(request: RawRequest): string {
  return (JSON.parse(request.body) as { correlationId: string }).correlationId
}
