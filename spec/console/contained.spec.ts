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

const fails = (): never => {
  throw BUG
}

/** Bugs as the log gets them. */
class Bugs {
  readonly told: (readonly [part: string, error: unknown])[] = []
  readonly onBug = (part: string, error: unknown): void => void this.told.push([part, error])
}

t.test('a listener that throws is told once and not called again', async (t) => {
  const { told, onBug } = new Bugs()
  const broken = new Set<string>()
  let calls = 0
  const listener = untilItThrows(
    () => {
      calls += 1
      fails()
    },
    { part: 'counters', onBug, broken },
  )

  listener()
  listener()

  t.equal(calls, 1)
  t.same(told, [['counters', BUG]])
  t.same([...broken], ['counters'])
})

t.test('work that is repeated rests after a bug, and counts as broken meanwhile', async (t) => {
  for (const work of [fails, () => Promise.reject(BUG)]) {
    const { told, onBug } = new Bugs()
    const broken = new Set<string>()
    let calls = 0
    let others = 0
    const show = every(1, () => ((calls += 1), work()), { part: 'show', onBug, broken })
    const collect = every(1, () => void (others += 1), { part: 'collect', onBug, broken })
    t.teardown(() => [show, collect].forEach(({ stop }) => stop()))

    await waitUntil({ what: 'the bug is told' }, () => told.length > 0)
    const before = others
    await waitUntil({ what: 'the others go on' }, () => others > before + 5)
    await show.run()

    t.equal(calls, 1)
    t.same(told, [['show', BUG]])
    t.same([...broken], ['show'])
  }
})

t.test('work that has rested is begun again, and is broken no longer', async (t) => {
  const { told, onBug } = new Bugs()
  const broken = new Set<string>()
  let calls = 0
  const work = (): void => void ((calls += 1) === 1 && fails())
  const compare = every(1, work, { part: 'compare', onBug, broken, restMs: 5 })
  t.teardown(compare.stop)

  await waitUntil({ what: 'it is begun again' }, () => calls > 1 && broken.size === 0)

  t.same(told, [['compare', BUG]])
})

t.test('work that a new viewer asks for while it is under way is not done twice', async (t) => {
  let begun = 0
  let end = (): void => undefined
  const work = (): Promise<void> => {
    begun += 1
    return new Promise((resolve) => (end = resolve))
  }
  const contained = { part: 'compare', onBug: fails, broken: new Set<string>() }
  const compare = every(1_000_000, work, contained)
  t.teardown(compare.stop)

  const runs = [compare.run(), compare.run()]
  end()
  await Promise.all(runs)
  t.equal(begun, 1)

  void compare.run()
  t.equal(begun, 2, 'the next one is done anew')
})

t.test('a route that throws answers 500 and tells why, at once or later', async (t) => {
  for (const read of [fails, () => Promise.reject(BUG)] satisfies Route['read'][]) {
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
  const port = await serveStream(t, { onJoin: fails, onBug })

  t.equal(await closeCode(port), 1011)
  t.equal(await closeCode(port), 1011, 'and the next one is served')
  t.same(told, [
    ['/ws open', BUG],
    ['/ws open', BUG],
  ])
})

t.test('a bug at the close of a stream is told', async (t) => {
  const { told, onBug } = new Bugs()
  const port = await serveStream(t, { onJoin: (viewer) => viewer.end(), onLeave: fails, onBug })

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
    sendAll: (texts) => (texts.length > 0 ? fails() : 0),
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
  const nothing = { onJoin: () => undefined, onLeave: () => undefined, onBug: fails }
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
