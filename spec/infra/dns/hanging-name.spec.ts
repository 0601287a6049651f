import t from 'tap'
import type { Test } from 'tap'
import { queryName } from '../../../src/infra/dns/name-query.ts'
import { createNames, type Names } from '../../../src/infra/dns/names.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { ProcessorBooks } from '../../../src/infra/processor/books.ts'
import { connectRedis } from '../../../src/infra/redis/redis-connection.ts'
import { lease, request } from '../../contracts/ledger-words.ts'
import { startNameServer, type NameServer } from '../../support/name-server.ts'
import { LEDGER, startPostgres } from '../../support/postgres.ts'
import { charge, openClient } from '../../support/processor.ts'
import { answer, startRawProcessor } from '../../support/raw-processor.ts'
import { NO_REDIS, openRedis } from '../../support/redis.ts'
import { emitted } from '../../support/redis-world.ts'

const server = await startPostgres(t)
const redis = await openRedis(t)

t.test('a name that hangs leaves the other processor alone', async (t) => {
  const { names } = await world(t)
  const { lookup } = names
  const processor = await startRawProcessor(t, answer(200))
  const { port } = new URL(processor.url)
  const connectTimeoutMs = 200
  const dead = openClient(t, { url: `http://hangs.test:${port}`, lookup, connectTimeoutMs })
  const alive = openClient(t, { url: `http://works.test:${port}`, lookup })

  const refused = Promise.all(Array.from({ length: 8 }, () => charge(dead)))
  const settled = await Promise.all(Array.from({ length: 8 }, () => charge(alive)))

  t.ok(settled.every(({ kind }) => kind === 'settled'))
  t.ok((await refused).every(({ kind }) => kind === 'refused'))
})

t.test('a name that hangs leaves PostgreSQL alone', async (t) => {
  const { names } = await world(t)
  hang(names)
  const address = new URL(await server.freshDatabase())
  address.hostname = 'works.test'

  const ledger = await createPostgresLedger({
    ...LEDGER,
    connectionString: address.href,
    lookup: names.lookup,
  })
  t.teardown(() => ledger.close())

  const mine = { ...(await lease(ledger)), parked: false }
  t.same((await ledger.accept([request(1)], mine)).results, ['accepted'])
})

t.test('a name that hangs leaves Redis alone', async (t) => {
  if (redis === undefined) return t.plan(0, NO_REDIS)
  const { names } = await world(t)
  hang(names)
  const address = new URL(redis.url)
  address.hostname = 'works.test'

  const connection = connectRedis({ url: address.href, lookup: names.lookup })
  t.teardown(() => connection.close())

  await t.resolves(emitted(connection.redis, 'ready'))
})

t.test('a name that hangs leaves the books of the other processor alone', async (t) => {
  const { names } = await world(t)
  hang(names)
  const processor = await startRawProcessor(t, answer(200))
  const url = `http://works.test:${new URL(processor.url).port}`
  const { lookup } = names
  const books = new ProcessorBooks({ name: 'default', url, token: 'x', timeoutMs: 60_000, lookup })

  await books.total({ from: 0, to: 1 })

  t.equal(processor.requests.length, 1)
})

t.test('a dead one of several addresses costs nothing but a moment', async (t) => {
  const { names, dns } = await world(t)
  dns.zone['both.test'] = ['::1', '127.0.0.1', '127.0.0.9']
  const processor = await startRawProcessor(t, answer(200))
  const { port } = new URL(processor.url)

  for (let turn = 0; turn < 3; turn += 1) {
    const client = openClient(t, { url: `http://both.test:${port}`, lookup: names.lookup })
    t.match(await charge(client), { kind: 'settled' })
    await client.close()
  }
})

interface World {
  readonly names: Names
  readonly dns: NameServer
}

async function world(t: Test): Promise<World> {
  const dns = await startNameServer(t, { 'hangs.test': 'silent', 'works.test': ['127.0.0.1'] })
  const names = createNames({ query: (name) => queryName(name, { servers: [dns.server] }) })
  t.teardown(() => names.close())
  return { names, dns }
}

/** As often as Node has threads for look-ups, and more. */
function hang(names: Names): void {
  for (let turn = 0; turn < 8; turn += 1) {
    names.lookup('hangs.test', { all: true }, () => undefined)
  }
}
