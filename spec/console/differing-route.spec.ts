// How the payments in which books differ are asked for on the operators' port: which search is
// begun, whose findings are shown, and what is refused.

import t, { type Test } from 'tap'
import { addDifferingRoute } from '../../src/console/differing-route.ts'
import type {
  DifferingItem,
  DifferingRequest,
  DifferingSearch,
} from '../../src/operator/differing-payments.ts'
import { BooksUnreachable } from '../../src/operator/failures.ts'
import { loadWebServer } from '../../src/server/load-server.ts'
import { openToAll } from '../support/access.ts'

interface Begun {
  readonly processor: string
  readonly request: DifferingRequest
  readonly end: (as: 'whole' | 'cut') => void
  readonly fail: (error: Error) => void
}

/** A search that tells and ends when the spec says so. */
function searchBySpec(): { readonly search: DifferingSearch; readonly begun: Begun[] } {
  const begun: Begun[] = []
  const search: DifferingSearch = (processor, request) =>
    new Promise((end, fail) => {
      begun.push({ processor, request, end, fail })
    })
  return { search, begun }
}

async function serve(t: Test, search: DifferingSearch | undefined) {
  const app = (await loadWebServer('auto')).createApp()
  t.teardown(() => app.close())
  const clock = { now: 0 }
  const bugs: unknown[] = []
  addDifferingRoute(app, {
    search,
    compared: () => ({ from: 1_000, to: 9_000, hours: [5_000] }),
    now: () => clock.now,
    access: openToAll(),
    onBug: (_, error) => bugs.push(error),
  })
  const { port } = await app.listen({ host: '127.0.0.1', port: 0 })
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}/console/books/${path}`)
    return { status: answer.status, body: (await answer.json()) as unknown }
  }
  return { ask, clock, bugs }
}

const FOUND: DifferingItem = { kind: 'words', words: 'a total is wrong' }

t.test('one search runs at a time, and what it has found is read by its number', async (t) => {
  const { search, begun } = searchBySpec()
  const { ask } = await serve(t, search)

  const running = { run: 1, processor: 'default', state: 'running', from: 1_000, to: 9_000 }
  t.strictSame(await ask('default'), { status: 200, body: { ...running, found: [] } })
  t.match(begun[0]?.request, { span: { from: 1_000, to: 9_000 }, hours: [5_000] })
  begun[0]?.request.tell(FOUND)
  t.match(await ask('default'), { body: { run: 1, found: [FOUND] } }, 'a second one sees the same')
  t.match(await ask('default?run=1'), { status: 200, body: { run: 1, found: [FOUND] } })
  t.match(await ask('default?run=2'), { status: 404, body: { detail: /open the books again/ } })
  t.match(await ask('fallback'), { status: 409, body: { detail: /one search at a time/ } })
  t.equal((await ask('other')).status, 404)
  t.equal(begun.length, 1)

  begun[0]?.end('whole')
  t.match(await ask('default'), { body: { run: 1, state: 'whole', found: [FOUND] } })
  t.match(await ask('fallback'), { body: { run: 2, processor: 'fallback', state: 'running' } })
})

t.test('books are searched again once 10 s have passed, unless a number asks', async (t) => {
  const { search, begun } = searchBySpec()
  const { ask, clock } = await serve(t, search)
  await ask('default')
  clock.now = 60_000
  begun[0]?.end('cut')
  t.match(await ask('default'), { body: { run: 1, state: 'cut' } })

  clock.now += 9_999
  t.match(await ask('default'), { body: { run: 1 } })
  clock.now += 1
  t.match(await ask('default?run=1'), { body: { run: 1 } })
  t.match(await ask('default'), { body: { run: 2, state: 'running' } })
  t.match(await ask('default?run=1'), { status: 404 })
  t.equal(begun.length, 2)
})

t.test('a search that finds very much is cut', async (t) => {
  const { search, begun } = searchBySpec()
  const { ask } = await serve(t, search)
  await ask('default')

  for (let n = 0; n < 201; n += 1) begun[0]?.request.tell(FOUND)
  begun[0]?.end('whole')

  t.match(await ask('default'), { body: { state: 'cut', found: { length: 200 } } })
})

t.test('a search that fails says why, and only a bug is told as one', async (t) => {
  const { search, begun } = searchBySpec()
  const { ask, clock, bugs } = await serve(t, search)

  await ask('default')
  begun[0]?.fail(new BooksUnreachable('processor default', 'it answered 401'))
  t.match(await ask('default'), {
    status: 200,
    body: { run: 1, state: 'failed', why: /processor default.*it answered 401/ },
  })
  t.same(bugs, [])

  clock.now += 10_000
  await ask('default')
  const bug = new TypeError('secret')
  begun[1]?.fail(bug)
  t.match(await ask('default'), { body: { run: 2, state: 'failed', why: 'A bug has ended it.' } })
  t.strictSame(bugs, [bug])
})

t.test('without a token for the processors’ books nothing is searched', async (t) => {
  const { ask } = await serve(t, undefined)

  t.match(await ask('default'), { status: 409, body: { detail: /^Without PROCESSOR_TOKEN/ } })
})
