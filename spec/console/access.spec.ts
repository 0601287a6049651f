// Who may see the console and change something there.

import t, { type Test } from 'tap'
import type { Fact } from '../../src/actors/model/facts.ts'
import type { Operator } from '../../src/actors/model/operator.ts'
import { Access, type Keys } from '../../src/console/access.ts'
import { addChange, privateJson } from '../../src/console/changes.ts'
import { route } from '../../src/console/pages.ts'
import { addSignIn } from '../../src/console/sign-in.ts'
import { json } from '../../src/http/problem.ts'
import { loadWebServer } from '../../src/server/load-server.ts'

type Headers = Readonly<Record<string, string>>

const JSON_TYPE = { 'content-type': 'application/json' }

t.test(
  'with keys nothing is seen or changed without one, and a viewer changes nothing',
  async (t) => {
    const { ask, refusals } = await serve(t, { ana: 'operate', vi: 'view' })
    const bearer = (key: string): Headers => ({ authorization: `Bearer ${key}` })

    t.match(await ask('GET', '/seen'), { status: 401, type: 'urn:pit:problem:no-key' })
    t.match(await ask('POST', '/change/x'), { status: 401, type: 'urn:pit:problem:no-key' })
    t.match(await ask('GET', '/seen', bearer('bo')), { status: 401, type: /unknown-key$/ })
    t.match(await ask('GET', '/seen', bearer('vi')), { status: 200 })
    t.match(await ask('POST', '/change/x', bearer('vi')), { status: 403, type: /scope$/ })
    t.match(await ask('POST', '/change/x', bearer('ana')), {
      status: 200,
      value: { by: { name: 'ana' }, via: 'cli', parameters: ['x'], body: { a: 1 } },
    })
    t.same(refusals(), [
      ['noKey', null],
      ['noKey', null],
      ['unknownKey', null],
      ['scope', 'vi'],
    ])
  },
)

t.test('a session sees and changes as its key does, until it ends', async (t) => {
  const { url, ask, signIn, page, keys } = await serve(t, { ana: 'operate', vi: 'view' })

  const ana = await signIn('ana')
  const { token, ...told } = await page(ana)
  t.same(told, { by: 'ana', scope: 'operate', signedIn: true })
  const own = { ...ana, 'x-pit-page': token, origin: url }
  t.match(await ask('POST', '/change/x', own), {
    status: 200,
    value: { by: { name: 'ana' }, via: 'console' },
  })
  const vi = await signIn('vi')
  const viewer = { ...vi, 'x-pit-page': (await page(vi)).token }
  t.match(await ask('GET', '/seen', vi), { status: 200 })
  t.match(await ask('POST', '/change/x', viewer), { status: 403, type: /scope$/ })

  keys.set('vi', 'operate')
  t.match(await ask('POST', '/change/x', viewer), { status: 200 }, 'the file decides each time')
  keys.delete('vi')
  t.match(await ask('GET', '/seen', vi), { status: 401 })

  await ask('POST', '/console/sign-out', { ...ana, 'x-pit-page': token })
  t.match(await ask('GET', '/seen', ana), { status: 401 })
})

t.test('a stale page changes nothing', async (t) => {
  const { ask, signIn, page } = await serve(t, { ana: 'operate' })
  const earlier = (await page(await signIn('ana'))).token
  const now = await signIn('ana')

  for (const token of ['', earlier]) {
    const answer = await ask('POST', '/change/x', { ...now, 'x-pit-page': token })
    t.match(answer, { status: 403, type: 'urn:pit:problem:stale-page' })
  }
  const open = await serve(t)
  const another = await serve(t)
  const token = (await another.page({})).token
  t.match(await open.ask('POST', '/change/x', { 'x-pit-page': token }), { status: 403 })
  t.match(await open.ask('POST', '/change/x'), { status: 403, type: /stale-page$/ })
})

t.test('another origin, a form and another method change nothing', async (t) => {
  const { ask, signIn, page, calls } = await serve(t, { ana: 'operate' })
  const ana = await signIn('ana')
  const mine = { ...ana, 'x-pit-page': (await page(ana)).token }

  const foreign = await ask('POST', '/change/x', { ...mine, origin: 'http://elsewhere.example' })
  t.match(foreign, { status: 403, type: 'urn:pit:problem:foreign-page' })
  for (const type of ['application/x-www-form-urlencoded', 'text/plain']) {
    t.match(await ask('POST', '/change/x', { ...mine, 'content-type': type }), { status: 415 })
  }
  t.match(await ask('GET', '/change/x', mine), { status: 404 })
  t.equal(calls(), 0)
})

t.test('without keys a machine changes what only it can reach, and no other does', async (t) => {
  const here = await serve(t)
  const { token, ...told } = await here.page({})
  t.same(told, { by: 'loopback', scope: 'operate', signedIn: false })
  t.match(await here.ask('POST', '/change/x', { 'x-pit-page': token }), {
    status: 200,
    value: { by: { name: 'loopback' } },
  })

  const everywhere = await serve(t, undefined, { isLoopback: false })
  const page = await everywhere.page({})
  t.match(page, { scope: 'view' })
  t.match(await everywhere.ask('GET', '/seen'), { status: 200 })
  t.match(await everywhere.ask('POST', '/change/x', { 'x-pit-page': page.token }), {
    status: 403,
    detail:
      /^Without KEYS_FILE commands are taken only where OPS_HOST .*pit keys new .*docs\/CLI\.md/,
  })
})

t.test('sessions are bounded in number and time, and whoever looks on is told', async (t) => {
  const { ask, signIn, later, access } = await serve(t, { ana: 'operate' })
  let ended = 0
  access.whenEnded(() => (ended += 1))
  const first = await signIn('ana')
  const second = await signIn('ana')
  for (let session = 2; session < 65; session += 1) await signIn('ana')

  t.equal(ended, 1)
  t.match(await ask('GET', '/seen', first), { status: 401 }, 'one more ends the oldest')
  t.match(await ask('GET', '/seen', second), { status: 200 })
  later(12 * 3_600_000)
  t.match(await ask('GET', '/seen', second), { status: 401 })
  access.sweep()
  t.equal(ended, 2)
  access.sweep()
  t.equal(ended, 2, 'nothing has ended since')
})

t.test('a session is a cookie that scripts and other sites do not get', async (t) => {
  const { ask } = await serve(t, { ana: 'operate' })

  const plain = await ask('POST', '/console/sign-in', {}, { key: 'ana' })
  t.match(
    plain.cookie,
    /^pit_session_\d+=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
  )
  const secure = await ask(
    'POST',
    '/console/sign-in',
    { 'x-forwarded-proto': 'https' },
    { key: 'ana' },
  )
  t.match(secure.cookie, /; Secure$/)
  for (const body of [{ key: 'bo' }, { key: 1 }, {}, null, 'ana']) {
    const refused = await ask('POST', '/console/sign-in', {}, body)
    t.match(refused, { status: 401, type: /unknown-key$/, cookie: null })
  }
})

t.test('a body that is too long, or no JSON, is refused', async (t) => {
  const { url, page, calls } = await serve(t)
  const headers = { ...JSON_TYPE, 'x-pit-page': (await page({})).token }
  const send = async (body: string) =>
    (await fetch(`${url}/change/x`, { method: 'POST', headers, body })).status

  t.equal(await send('{'), 400)
  t.equal(await send(JSON.stringify('x'.repeat(20_000))), 413)
  t.equal(calls(), 0)
  t.equal(await send(''), 200)
})

interface Asked {
  readonly status: number
  readonly type: unknown
  readonly detail: unknown
  readonly value: unknown
  readonly cookie: string | null
}

/** A page, a change and the routes of signing in. Keys are called as their owners are. */
async function serve(
  t: Test,
  scopes?: Readonly<Record<string, Operator['scope']>>,
  { isLoopback = true }: { readonly isLoopback?: boolean } = {},
) {
  const app = (await loadWebServer('auto')).createApp()
  t.teardown(() => app.close())
  const file = new Map(Object.entries(scopes ?? {}))
  const operatorOf = (name: string): Operator | undefined => {
    const scope = file.get(name)
    return scope === undefined ? undefined : { name, scope }
  }
  const keys: Keys = {
    find: (key) => (file.has(key) ? { operator: () => operatorOf(key) } : undefined),
  }
  const facts: Fact[] = []
  let now = 0
  const access = new Access({
    ...(scopes === undefined ? {} : { keys }),
    isLoopback,
    now: () => now,
    telemetry: { emit: (fact) => facts.push(fact) },
  })
  const onBug = (_: string, error: unknown): void => void t.error(error)
  const seen = { path: '/seen', read: () => json('{}'), access, onBug }
  let calls = 0
  route(app, seen)
  addChange(app, {
    path: '/change/:what',
    act: (call) => {
      calls += 1
      return privateJson(call)
    },
    access,
    onBug,
  })
  addSignIn(app, access, onBug)
  const { port } = await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${port}`
  const ask = async (
    method: 'GET' | 'POST',
    path: string,
    headers: Headers = {},
    body: unknown = { a: 1 },
  ): Promise<Asked> => {
    const posted = method === 'POST' ? { body: JSON.stringify(body) } : {}
    const answer = await fetch(url + path, {
      method,
      headers: { ...(method === 'POST' ? JSON_TYPE : {}), ...headers },
      ...posted,
    })
    const value = (await answer.json().catch(() => ({}))) as Record<string, unknown>
    const cookie = answer.headers.get('set-cookie')
    return { status: answer.status, type: value['type'], detail: value['detail'], value, cookie }
  }
  const signIn = async (key: string): Promise<Headers> => {
    const { cookie } = await ask('POST', '/console/sign-in', {}, { key })
    return { cookie: cookie?.split(';')[0] ?? '' }
  }
  const page = async (headers: Headers) =>
    (await ask('GET', '/console/access', headers)).value as { readonly token: string }
  return {
    url,
    ask,
    signIn,
    page,
    access,
    keys: file,
    calls: () => calls,
    later: (ms: number) => (now += ms),
    refusals: () =>
      facts.flatMap((fact) => (fact.type === 'access.refused' ? [[fact.why, fact.by]] : [])),
  }
}
