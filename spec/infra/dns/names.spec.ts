import type { LookupAddress } from 'node:dns'
import t from 'tap'
import type { Test } from 'tap'
import { ASK_AGAIN_MS, createNames, type Names } from '../../../src/infra/dns/names.ts'
import { noAddress } from '../../../src/infra/dns/name-query.ts'

t.test('look-ups of one name at once share one query', async (t) => {
  const { find, queries } = world(t)

  const found = Promise.all([find('a'), find('a'), find('b')])
  t.same(
    queries.map(({ name }) => name),
    ['a', 'b'],
  )
  queries[0]?.answer(['10.0.0.1'])
  queries[1]?.answer(['10.0.0.2'])

  t.same(await found, [['10.0.0.1'], ['10.0.0.1'], ['10.0.0.2']])
})

t.test('the first look-up of a name waits for its query', async (t) => {
  const { find, queries } = world(t)
  const found = find('a')
  await settle()

  queries[0]?.answer(['10.0.0.1'])

  t.same(await found, ['10.0.0.1'])
})

t.test('a name that hangs keeps no other name waiting', async (t) => {
  const { find, queries } = world(t)
  const hanging = find('hangs')
  hanging.catch(() => undefined)

  const found = find('works')
  queries[1]?.answer(['10.0.0.2'])

  t.same(await found, ['10.0.0.2'])
})

t.test('a known address is given at once while the name is asked for again', async (t) => {
  const { find, queries, pass } = world(t)
  await known('a', { find, queries })

  pass(ASK_AGAIN_MS - 1)
  t.same(await find('a'), ['10.0.0.1'])
  t.equal(queries.length, 1, 'it is not asked for too often')
  pass(1)
  t.same(await find('a'), ['10.0.0.1'], 'although this query hangs')
  t.equal(queries.length, 2)
  t.same(await find('a'), ['10.0.0.1'])
  t.equal(queries.length, 2, 'nor twice at once')
})

t.test('a changed address is noticed', async (t) => {
  const { find, queries, pass } = world(t)
  await known('a', { find, queries })
  pass(ASK_AGAIN_MS)
  await find('a')

  queries[1]?.answer(['10.0.0.7'])
  await settle()

  t.same(await find('a'), ['10.0.0.7'])
})

t.test('an address is kept while its name cannot be resolved', async (t) => {
  const { find, queries, pass } = world(t)
  await known('a', { find, queries })
  pass(ASK_AGAIN_MS)
  await find('a')

  queries[1]?.fail('ETIMEOUT')
  await settle()

  t.same(await find('a'), ['10.0.0.1'])
})

t.test('a name without an address fails with its reason, and is asked for again', async (t) => {
  const { find, queries, pass } = world(t)
  const first = find('a')
  queries[0]?.fail('ETIMEOUT')
  await t.rejects(first, { code: 'ETIMEOUT' })

  await t.rejects(find('a'), { code: 'ETIMEOUT' }, 'at once, from what is known')
  t.equal(queries.length, 1)
  pass(ASK_AGAIN_MS)
  const again = find('a')
  queries[1]?.answer(['10.0.0.1'])
  t.same(await again, ['10.0.0.1'])
})

t.test('each look-up begins with another address', async (t) => {
  const { names, find, queries } = world(t)
  const first = find('a')
  queries[0]?.answer(['10.0.0.1', '::2'])

  t.same(await first, ['10.0.0.1', '::2'])
  t.same(await find('a'), ['::2', '10.0.0.1'])
  t.same(await find('a'), ['10.0.0.1', '::2'])
  t.equal(await findOne(names, 'a', 4), '10.0.0.1')
  t.equal(await findOne(names, 'a', 6), '::2')
})

t.test('a socket of one family is given addresses of that family alone', async (t) => {
  const { names, queries } = world(t)
  const first = findOne(names, 'a', 'IPv4')
  queries[0]?.answer(['::2', '10.0.0.1'])
  t.equal(await first, '10.0.0.1')
  t.equal(await findOne(names, 'a', 'IPv4'), '10.0.0.1')
  t.equal(await findOne(names, 'a', 'IPv6'), '::2')

  const none = findOne(names, 'b', 6)
  queries[1]?.answer(['10.0.0.1'])

  await t.rejects(none, { code: 'ENOTFOUND', message: /b/ })
})

t.test('closing ends the queries in flight and refuses later look-ups', async (t) => {
  const { names, find } = world(t)
  const hanging = find('hangs')

  names.close()

  await t.rejects(hanging, { code: 'ECANCELLED' })
  await t.rejects(find('another'), { code: 'ECANCELLED' })
})

t.test('closing leaves the queries that have ended alone', async (t) => {
  const { names, queries, find } = world(t)
  await known('a', { find, queries })

  names.close()

  t.equal(queries[0]?.isCancelled(), false)
})

interface Query {
  readonly name: string
  answer(addresses: readonly string[]): void
  fail(code: string): void
  isCancelled(): boolean
}

interface World {
  readonly names: Names
  readonly queries: readonly Query[]
  find(name: string): Promise<readonly string[]>
  pass(ms: number): void
}

/** Names whose queries a spec answers by hand, under a clock that it turns. */
function world(t: Test): World {
  const queries: Query[] = []
  let now = 0
  const names = createNames({
    now: () => now,
    query: (name) => {
      const { promise, resolve, reject } = withResolvers<readonly string[]>()
      const fail = (code: string): void => reject(noAddress(name, code))
      let isCancelled = false
      queries.push({ name, answer: resolve, fail, isCancelled: () => isCancelled })
      const cancel = (): void => {
        isCancelled = true
        fail('ECANCELLED')
      }
      return { addresses: promise, cancel }
    },
  })
  t.teardown(() => names.close())
  return {
    names,
    queries,
    find: (name) =>
      new Promise((resolve, reject) => {
        names.lookup(name, { all: true }, (error, found) => {
          if (error !== null || typeof found === 'string') reject(error)
          else resolve(found.map(({ address }: LookupAddress) => address))
        })
      }),
    pass: (ms) => {
      now += ms
    },
  }
}

async function known(name: string, { find, queries }: Pick<World, 'find' | 'queries'>) {
  const found = find(name)
  queries.at(-1)?.answer(['10.0.0.1'])
  await found
}

type Family = 4 | 6 | 'IPv4' | 'IPv6'

function findOne(names: Names, name: string, family: Family): Promise<string> {
  return new Promise((resolve, reject) => {
    names.lookup(name, { family }, (error, found, of) => {
      if (error !== null) reject(error)
      else if (typeof found !== 'string' || of !== Number(String(family).at(-1)))
        reject(new Error('not one address of this family'))
      else resolve(found)
    })
  })
}

/** Lets every promise that can go on do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function withResolvers<Value>() {
  let resolve: (value: Value) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  return { promise, resolve, reject }
}
