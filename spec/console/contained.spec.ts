// A bug in the console ends the part that met it; the process and the actors go on.

import t, { type Test } from 'tap'
import { WebSocket } from 'undici'
import { waitUntil } from '../../bench/layout/wait.ts'
import { every, untilItThrows } from '../../src/console/contained.ts'
import { route, type Route } from '../../src/console/pages.ts'
import { createSendBuffer } from '../../src/console/send-buffer.ts'
import { openToAll } from '../support/access.ts'
import { openStream, type StreamOptions, type Viewer } from '../../src/console/stream.ts'
import { loadWebServer } from '../../src/server/load-server.ts'
import type { WebApp } from '../../src/server/web-server.ts'

const BUG = new TypeError('a planted bug')

const broken = (): never => {
  throw BUG
}

/** Bugs as the log gets them. */
class Bugs {
  readonly told: (readonly [part: string, error: unknown])[] = []
  readonly onBug = (part: string, error: unknown): void => void this.told.push([part, error])
}

t.test('a listener that throws is told once and not called again', async (t) => {
  const { told, onBug } = new Bugs()
  let calls = 0
  const listener = untilItThrows(
    () => {
      calls += 1
      broken()
    },
    { part: 'counters', onBug },
  )

  listener()
  listener()

  t.equal(calls, 1)
  t.same(told, [['counters', BUG]])
})

t.test('work that is repeated ends with its first bug', async (t) => {
  for (const work of [broken, () => Promise.reject(BUG)]) {
    const { told, onBug } = new Bugs()
    let calls = 0
    const others = { calls: 0 }
    const stops = [
      every(1, () => ((calls += 1), work()), { part: 'show', onBug }),
      every(1, () => void (others.calls += 1), { part: 'collect', onBug }),
    ]
    t.teardown(() => stops.forEach((stop) => stop()))

    await waitUntil({ what: 'the bug is told' }, () => told.length > 0)
    const before = others.calls
    await waitUntil({ what: 'the others go on' }, () => others.calls > before + 5)

    t.equal(calls, 1)
    t.same(told, [['show', BUG]])
  }
})

t.test('a route that throws answers 500 and tells why, at once or later', async (t) => {
  for (const read of [broken, () => Promise.reject(BUG)] satisfies Route['read'][]) {
    const { told, onBug } = new Bugs()
    const port = await serve(t, (app) =>
      route(app, { path: '/page', read, access: openToAll(), onBug }),
    )

    const answer = await fetch(`http://127.0.0.1:${port}/page`)

    t.equal(answer.status, 500)
    t.same(told, [['/page', BUG]])
  }
})

t.test('a bug at the opening of a stream ends its viewer', async (t) => {
  const { told, onBug } = new Bugs()
  const port = await serveStream(t, { onJoin: broken, onBug })

  t.equal(await closeCode(port), 1011)
  t.equal(await closeCode(port), 1011, 'and the next one is served')
  t.same(told, [
    ['/ws open', BUG],
    ['/ws open', BUG],
  ])
})

t.test('a bug at the close of a stream is told', async (t) => {
  const { told, onBug } = new Bugs()
  const port = await serveStream(t, { onJoin: (viewer) => viewer.end(), onLeave: broken, onBug })

  t.equal(await closeCode(port), 1011)
  await waitUntil({ what: 'the bug is told' }, () => told.length > 0)

  t.same(told, [['/ws close', BUG]])
})

t.test('a bug while held messages are sent ends the viewers', async (t) => {
  const { told, onBug } = new Bugs()
  let ended = 0
  const viewer: Viewer = {
    isBehind: false,
    send: () => true,
    sendAll: (texts) => (texts.length > 0 ? broken() : 0),
    end: () => void (ended += 1),
  }
  const buffer = createSendBuffer({ now: () => 0, onBug })
  buffer.join(viewer)
  // Its timer alone would not keep this process alive.
  const alive = setInterval(() => undefined, 1_000)
  t.teardown(() => clearInterval(alive))

  buffer.put('a message')
  await waitUntil({ what: 'the bug is told' }, () => told.length > 0)

  t.same(told, [['send buffer', BUG]])
  t.equal(ended, 1)
})

async function serve(t: Test, extend: (app: WebApp) => void): Promise<number> {
  const app = (await loadWebServer('auto')).createApp()
  extend(app)
  t.teardown(() => app.close())
  return (await app.listen({ host: '127.0.0.1', port: 0 })).port
}

function serveStream(t: Test, options: Partial<StreamOptions>): Promise<number> {
  const nothing = { onJoin: () => undefined, onLeave: () => undefined, onBug: broken }
  const stream = {
    path: '/ws',
    access: openToAll(),
    bufferedBytesMax: 1024,
    ...nothing,
    ...options,
  }
  return serve(t, (app) => openStream(app, stream))
}

/** With what code the server ends a viewer. */
function closeCode(port: number): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`)
    socket.addEventListener('close', ({ code }) => resolve(code))
  })
}
