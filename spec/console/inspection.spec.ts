// Inspection as Stately's inspector sees it: a WebSocket client of their own package over a real Pit.

import { createConnection } from 'node:net'
import { randomBytes } from 'node:crypto'
import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect'
import t from 'tap'
import type { Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { createRateLimit } from '../../src/console/rate-limit.ts'
import { hasOwnOrigin } from '../../src/console/origin-check.ts'
import { plainData } from '../../src/console/stately-stream.ts'
import { isSampled } from '../../src/console/sample.ts'
import { startPostgres } from '../support/postgres.ts'
import { startWorld, type World } from '../support/system-world.ts'

const postgres = await startPostgres(t)

interface Inspected {
  readonly world: World
  readonly port: number
}

async function startInspected(t: Test, env: Readonly<Record<string, string>>): Promise<Inspected> {
  const port = await freePort()
  const world = await startWorld(t, {
    databaseUrl: await postgres.freshDatabase(),
    env: { OPS_PORT: String(port), ...env },
  })
  return { world, port }
}

/** What a viewer receives, in order; the long-lived actors have arrived when it resolves. */
async function watch(port: number): Promise<readonly StatelyInspectionEvent[]> {
  const received: StatelyInspectionEvent[] = []
  createWebSocketReceiver({ server: `ws://127.0.0.1:${port}/inspect/ws` }).subscribe((message) => {
    received.push(message)
  })
  await waitUntil({ what: 'the actors are shown' }, () => {
    return received.some((message) => nameIn(message) === 'processorHealth.fallback')
  })
  return received
}

t.test('a viewer can replay a payment’s life from what it receives', async (t) => {
  const { world, port } = await startInspected(t, { INSPECT: '1', INSPECT_SAMPLE: '1' })
  const received = await watch(port)
  const names = received.flatMap((message) => nameIn(message) ?? [])
  t.match(
    names.join(' '),
    /^supervisor persistence acceptBatcher outcomeBatcher payments retryQueue takeover lease probing/,
  )

  const [id = ''] = await world.client.postAll(1)
  const actor = await found(received, (message) => {
    return message.type === '@xstate.actor' && JSON.stringify(message.snapshot).includes(id)
  })
  const own = (): readonly StatelyInspectionEvent[] =>
    received.filter((message) => message.sessionId === actor.sessionId)
  await waitUntil({ what: 'it is settled' }, () => statesIn(own()).includes('settled'))

  t.same(statesIn(own()), ['tryingDefault', 'settled'])
  t.same(eventsIn(own()), ['xstate.init', 'charge.settled'])
  const { definition } = actor as { readonly definition?: string }
  t.match(JSON.parse(definition ?? ''), { id: 'payment', states: { confirming: {}, settled: {} } })
  const about = received.filter((message) => JSON.stringify(message).includes(id))
  const others = about.filter((message) => message.sessionId !== actor.sessionId)
  t.same(
    [...new Set(eventsIn(others))],
    ['payment.received', 'payments.accepted', 'xstate.done.actor.payment', 'outcome.reached'],
    'events about it at the other actors are there too',
  )
  t.ok(
    received.every(({ rootId }) => rootId === received[0]?.sessionId),
    'all is one system',
  )
})

t.test('payments outside the sample are shown only if slow, failed or in doubt', async (t) => {
  const { world, port } = await startInspected(t, { INSPECT: '1', INSPECT_SAMPLE: '1000000' })
  const received = await watch(port)

  await world.client.postAll(30)
  await world.booksAgree(t)
  for (const { sessionId } of received.filter((message) => nameIn(message) === 'payment')) {
    const own = received.filter((message) => message.sessionId === sessionId)
    t.match(JSON.stringify(own), /"tookMs":[5-9]\d\d|"tookMs":\d{4}/, 'only a slow one is shown')
  }

  world.simulators.default.setFailure(true)
  const [id = ''] = await world.client.postAll(1)
  const actor = await found(received, (message) => {
    return message.type === '@xstate.actor' && JSON.stringify(message.snapshot).includes(id)
  })
  const own = (): readonly string[] =>
    statesIn(received.filter((message) => message.sessionId === actor.sessionId))
  await waitUntil({ what: 'it is settled' }, () => own().includes('settled'))
  t.same(own()[0], 'tryingDefault', 'as it was when it failed')
  t.ok(own().includes('confirming'))
})

t.test('a viewer that reads nothing does not delay Pit', async (t) => {
  const { world, port } = await startInspected(t, { INSPECT: '1', INSPECT_SAMPLE: '1' })
  const dead = createConnection({ host: '127.0.0.1', port })
  t.teardown(() => dead.destroy())
  dead.write(
    `GET /inspect/ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
      `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
  )
  const received = await watch(port)

  for (let wave = 0; wave < 10; wave += 1) await world.client.postAll(100)
  await world.booksAgree(t)

  t.ok(statesIn(received).filter((state) => state === 'settled').length > 100)
})

t.test('an instance without INSPECT has no inspection endpoint', async (t) => {
  const { port } = await startInspected(t, {})

  const page = await fetch(`http://127.0.0.1:${port}/inspect`)
  const stream = await fetch(`http://127.0.0.1:${port}/inspect/ws`)
  const console = await fetch(`http://127.0.0.1:${port}/console`)

  t.equal(page.status, 404)
  t.equal(stream.status, 404)
  t.equal(console.status, 200, 'the console needs no inspection')
})

t.test('the console refuses requests from pages of other sites', async (t) => {
  const from = (headers: Readonly<Record<string, string>>): boolean =>
    hasOwnOrigin({ getHeader: (name: string) => headers[name] ?? '' })

  t.ok(from({ host: 'localhost:9998' }), 'a program')
  t.ok(from({ host: '127.0.0.1:9998', origin: 'http://127.0.0.1:9998' }), 'our page')
  t.ok(from({ host: '[::1]:9998', origin: 'http://[::1]:9998' }))
  t.ok(from({ host: 'pit-1:9998' }), 'a name of the compose network')
  t.notOk(from({ host: '127.0.0.1:9998', origin: 'https://example.org' }), 'another page')
  t.notOk(from({ host: '127.0.0.1:9998', origin: 'null' }), 'a sandboxed page')
  t.notOk(from({ host: '', origin: 'null' }), 'one that names no host')
  t.notOk(
    from({ host: 'example.org', origin: 'http://example.org' }),
    'a public name that points here',
  )
})

t.test('the console is reached by addresses and by names that nobody can own', async (t) => {
  const reaches = (host: string): boolean =>
    hasOwnOrigin({ getHeader: (name: string) => ({ host })[name] ?? '' })

  for (const host of ['10.0.0.7', '10.0.0.7:9998', '[::1]', '[fe80::1.2.3.4]:9998', 'LOCALHOST']) {
    t.ok(reaches(host), host)
  }
  t.ok(reaches('pit.localhost:9998'), 'each of these is this machine')
  const owned = ['10.0.0.7.example.org', 'localhost.example.org', 'pit.notlocalhost', 'example.7']
  for (const host of [...owned, 'example.org:9998']) t.notOk(reaches(host), host)
})

t.test('a page of another local port is another origin to the console', async (t) => {
  const from = (origin: string, host = '127.0.0.1:9998'): boolean =>
    hasOwnOrigin({ getHeader: (name: string) => ({ host, origin })[name] ?? '' })

  t.notOk(from('http://127.0.0.1:3000'), 'another port')
  t.notOk(from('http://127.0.0.1'), 'the port of http itself')
  t.notOk(from('http://localhost:9998'), 'another name of this machine')
  t.notOk(from('http://[::1]:9999', '[::1]:9998'))
  t.ok(from('HTTP://LOCALHOST:9998', 'localhost:9998'), 'case does not tell hosts apart')
})

t.test('inspected data is plain and limited in size', async (t) => {
  const ledger = { connectionString: 'secret' }
  const context = {
    ledger,
    now: 5,
    big: 'x'.repeat(1_000),
    list: Array(100).fill(1),
    cache: ledger,
  }
  const shown = plainData({ context, replyTo: () => undefined, at: new Date(0) })
  const text = JSON.stringify(shown)

  t.notMatch(text, 'secret')
  t.match(shown, { context: { now: 5 }, at: '[Date]' })
  t.ok(text.length < 1_000)
})

t.test(
  'a sample is the same at every instance, and a rate limit counts by the second',
  async (t) => {
    const ids = Array.from({ length: 4_000 }, (_, index) => index.toString(16).padStart(8, '0'))
    t.equal(ids.filter((id) => isSampled(id, 100)).length, 40)

    let now = 0
    const limit = createRateLimit(2, () => now)
    t.same(
      [1, 2, 3].map(() => limit.take('a')),
      [true, true, false],
    )
    t.ok(limit.take('b'))
    now = 1_000
    t.ok(limit.take('a'))
  },
)

function nameIn(message: StatelyInspectionEvent): string | undefined {
  return message.type === '@xstate.actor' ? message.name : undefined
}

/** States in the order in which they were entered. */
function statesIn(messages: readonly StatelyInspectionEvent[]): readonly string[] {
  const states = messages.flatMap((message) => {
    if (message.type === '@xstate.event') return []
    const { value } = message.snapshot as { readonly value?: string }
    return value ?? []
  })
  return states.filter((state, index) => state !== states[index - 1])
}

function eventsIn(messages: readonly StatelyInspectionEvent[]): readonly string[] {
  return messages.flatMap((message) => (message.type === '@xstate.event' ? message.event.type : []))
}

async function found(
  received: readonly StatelyInspectionEvent[],
  matches: (message: StatelyInspectionEvent) => boolean,
): Promise<StatelyInspectionEvent> {
  await waitUntil({ what: 'the message arrives' }, () => received.some(matches))
  const message = received.find(matches)
  if (message === undefined) throw new Error('it was there a moment ago')
  return message
}
