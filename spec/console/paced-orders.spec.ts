// Orders about payments over the operators' port, on both HTTP servers: counted, carried out in the
// ledger with their rows, one at a time, and only for those who may.

import pg from 'pg'
import t, { type Test } from 'tap'
import { waitUntil } from '../../bench/layout/wait.ts'
import type { Operator } from '../../src/actors/model/operator.ts'
import { Access, type Keys } from '../../src/console/access.ts'
import { addCommandRoutes } from '../../src/console/orders.ts'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { openPaymentFinder } from '../../src/infra/postgres/payment-finder.ts'
import { carryOut, giveOrder } from '../../src/operator/paced-command.ts'
import { openTables } from '../../src/operator/pit-books.ts'
import { loadWebServer } from '../../src/server/load-server.ts'
import { acceptMany, lease, parked, rejected, settled, uuid } from '../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../support/postgres.ts'

const postgres = await startPostgres(t)

const SERVERS = ['node', 'auto'] as const

/** By their keys. */
const OPERATORS: Readonly<Record<string, Operator>> = {
  ana: { name: 'ana', scope: 'operate' },
  vi: { name: 'vi', scope: 'view' },
}

const KEYS: Keys = {
  find: (key) => (key in OPERATORS ? { operator: () => OPERATORS[key] } : undefined),
}

const ANA = { authorization: 'Bearer ana' }

/** Payments 1 to 3 are rejected, 4 is settled, 5 and 6 are parked in doubt, 7 in no doubt, 8 is owned. */
async function serve(t: Test, server: (typeof SERVERS)[number] = 'auto') {
  const connectionString = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  const tables = openTables(connectionString)
  const finder = openPaymentFinder({ connectionString, applicationName: 'pit finder' })
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 8 })
  const doubt = { processor: 'default', requestedAt: 1_000, remainingMs: 600_000 } as const
  const inDoubt = { delayMs: 300_000, unknownOutcomes: [doubt] }
  const ended = [rejected(1), rejected(2), rejected(3), settled(4)]
  const waiting = [parked(5, inDoubt), parked(6, inDoubt), parked(7, { delayMs: 300_000 })]
  await ledger.record([...ended, ...waiting], mine)
  const app = (await loadWebServer(server)).createApp()
  t.teardown(async () => {
    app.close()
    await Promise.all([ledger.close(), tables.close(), finder.close()])
  })
  const given: unknown[] = []
  const telemetry = { emit: (fact: object) => given.push(fact) }
  addCommandRoutes(app, {
    ledger,
    finder,
    paced: {
      give: (order) => giveOrder(tables, order),
      carryOut: (order) => carryOut(tables, order),
    },
    access: new Access({ keys: KEYS, isLoopback: true, now: () => 0, telemetry: NOBODY }),
    telemetry,
    onBug: (_, error) => t.error(error),
  })
  const { port } = await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${port}/console`
  const ask = async (
    path: string,
    body?: unknown,
    more: Readonly<Record<string, string>> = ANA,
  ) => {
    const posted = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
    const headers = { 'content-type': 'application/json', ...more }
    const answer = await fetch(url + path, { ...posted, headers })
    const type = answer.headers.get('content-type')
    return { status: answer.status, type, body: (await answer.json()) as Record<string, unknown> }
  }
  /** The command as it has ended. */
  const order = async (body: object, more?: Readonly<Record<string, string>>) => {
    const begun = await ask('/commands', { reason: 'their ticket', ...body }, more)
    let latest = begun
    await waitUntil({ what: 'it has ended', withinMs: 60_000 }, async () => {
      if (begun.status !== 200) return true
      latest = await ask(`/commands/${String(begun.body['id'])}`)
      return latest.body['doneAt'] !== null
    })
    return latest
  }
  const sql = (text: string) => runSql(connectionString, text)
  const statesOf = async (...numbers: readonly number[]) => {
    const rows = await sql(`SELECT state, due_at <= now() + interval '1 s' AS is_due FROM payments
      WHERE correlation_id IN (${numbers.map((n) => `'${uuid(n)}'`).join()})
      ORDER BY correlation_id`)
    return rows.map((row) => (row['is_due'] === true ? 'due' : row['state']))
  }
  return { ask, order, sql, statesOf, given, connectionString, tables }
}

const NOBODY = { emit: () => undefined }

for (const server of SERVERS) {
  t.test(`one payment is redriven, or looked up now, ${server}`, async (t) => {
    const { order, statesOf, given, ask } = await serve(t, server)

    const redriven = await order({ kind: 'redrive', correlationId: uuid(1) })
    const lookedUp = await order({ kind: 'lookUp', correlationId: uuid(5).toUpperCase() })
    const open = await order({ kind: 'redrive', correlationId: uuid(8) })

    const who = { by: 'ana', via: 'cli', reason: 'their ticket', isInterrupted: false }
    t.match(redriven.body, {
      ...who,
      kind: 'redrive',
      payload: { about: uuid(1), payments: 1, perSecond: 100 },
      result: { 'the command itself': { payments: 1, redriven: 1 } },
    })
    t.match(lookedUp.body, {
      ...who,
      kind: 'lookUp',
      payload: { about: uuid(5), payments: 1 },
      result: { 'the command itself': { payments: 1, due: 1 } },
    })
    t.match(open.body, { result: { 'the command itself': { payments: 1, redriven: 0 } } })
    t.same(await statesOf(1, 2, 5, 6, 8), ['due', 2, 'due', 0, 0])
    const kinds = ['redrive', 'lookUp', 'redrive']
    t.match(
      given,
      kinds.map((kind) => ({ type: 'command.given', kind, by: 'ana' })),
    )
    const listed = (await ask('/commands')).body['commands'] as readonly { kind: string }[]
    t.same(listed.map(({ kind }) => kind).toReversed(), kinds)
  })

  t.test(`all that fit are counted, and no more than that are taken, ${server}`, async (t) => {
    const { ask, order, statesOf } = await serve(t, server)
    const filter = { state: 'rejected,settled', amountMin: '19.90' }

    t.match(await ask('/matching', { kind: 'redrive', filter }), {
      status: 200,
      body: { payments: 3, amount: '59.70', isCut: false, perSecond: 100 },
    })
    t.match(await ask('/matching', { kind: 'redrive', filter: { amountMin: '19.91' } }), {
      body: { payments: 0, amount: '0.00' },
    })
    t.match(await ask('/matching', { kind: 'redrive', filter: { id: '0' } }), {
      body: { payments: 3 },
    })
    t.match(await ask('/matching', { kind: 'lookUp', filter: { state: 'open' } }), {
      body: { payments: 2, amount: '39.80' },
    })
    t.same(await statesOf(1, 2, 3, 5, 6), [2, 2, 2, 0, 0], 'a count changes nothing')

    const redriven = await order({ kind: 'redrive', filter, counted: 2 })
    t.match(redriven.body, {
      payload: { about: 'state=rejected&amountMin=19.90', payments: 2 },
      result: { 'the command itself': { payments: 2, redriven: 2 } },
    })
    t.same((await statesOf(1, 2, 3)).toSorted(), [2, 'due', 'due'])
    const lookedUp = await order({ kind: 'lookUp', filter: {}, counted: 100_000 })
    t.match(lookedUp.body, {
      payload: { about: 'state=parked' },
      result: { 'the command itself': { payments: 2, due: 2 } },
    })
    t.same(await statesOf(5, 6, 7), ['due', 'due', 0])
    t.match(await ask('/commands', { kind: 'redrive', filter, counted: 9, reason: 'x' }), {
      status: 200,
    })
    t.match(await ask('/commands', { kind: 'redrive', filter, counted: 9, reason: 'x' }), {
      status: 409,
    })
  })

  t.test(`who may not, another site and a stale page change nothing, ${server}`, async (t) => {
    const { ask, sql, statesOf, given } = await serve(t, server)
    const redrive = { kind: 'redrive', reason: 'mine' }
    const posts = [
      ['/commands', { ...redrive, correlationId: uuid(1) }],
      ['/commands', { ...redrive, filter: {}, counted: 3 }],
      ['/matching', { kind: 'redrive', filter: {} }],
    ] as const

    for (const [path, body] of posts) {
      t.match(await ask(path, body, {}), { status: 401 })
      t.match(await ask(path, body, { authorization: 'Bearer bo' }), { status: 401 })
      t.match(await ask(path, body, { authorization: 'Bearer vi' }), {
        status: 403,
        body: { type: 'urn:pit:problem:scope' },
      })
      t.match(await ask(path, body, { ...ANA, origin: 'http://elsewhere.example' }), {
        status: 403,
        body: { type: 'urn:pit:problem:foreign-page' },
      })
      t.match(await ask(path, body, { ...ANA, 'content-type': 'text/plain' }), { status: 415 })
    }

    t.same(await statesOf(1, 2, 3), [2, 2, 2])
    t.same(await sql('SELECT FROM commands'), [])
    t.same(given, [])
  })

  t.test(`what is no order is a problem that names its field, ${server}`, async (t) => {
    const { ask, sql } = await serve(t, server)
    const redrive = { kind: 'redrive', reason: 'x' }
    for (const [path, body, field] of [
      ['/commands', null, 'kind'],
      ['/commands', { kind: '__proto__', reason: 'x' }, 'kind'],
      ['/commands', { ...redrive, correlationId: "' OR 1=1" }, 'correlationId'],
      ['/commands', { ...redrive, correlationId: null }, 'correlationId'],
      ['/commands', redrive, 'filter'],
      ['/commands', { ...redrive, filter: 'all', counted: 1 }, 'filter'],
      ['/commands', { ...redrive, filter: [], counted: 1 }, 'filter'],
      ['/commands', { ...redrive, filter: {}, counted: 0 }, 'counted'],
      ['/commands', { ...redrive, filter: {} }, 'counted'],
      ['/commands', { ...redrive, filter: {}, counted: 100_001 }, 'counted'],
      ['/commands', { ...redrive, filter: {}, counted: '1' }, 'counted'],
      ['/commands', { ...redrive, filter: { nosuch: 'x' }, counted: 1 }, 'filter'],
      ['/commands', { ...redrive, filter: { state: 1 }, counted: 1 }, 'filter'],
      ['/commands', { ...redrive, filter: { state: 'settled' }, counted: 1 }, 'state'],
      ['/commands', { ...redrive, filter: { olderThan: '1m' }, counted: 1 }, 'olderThan'],
      ['/commands', { ...redrive, filter: {}, counted: 1, reason: ' ' }, 'reason'],
      ['/commands', { ...redrive, filter: {}, counted: 1, reason: 'x'.repeat(501) }, 'reason'],
      ['/matching', { kind: 'pause', filter: {} }, 'kind'],
      ['/matching', { kind: 'lookUp', filter: null }, 'filter'],
      ['/matching', { kind: 'lookUp', filter: { amountMin: 'much' } }, 'amountMin'],
    ] as const) {
      const answer = await ask(path, body)
      const of = JSON.stringify(body)
      t.match(answer, { status: 400, type: 'application/problem+json', body: { field } }, of)
    }
    t.match(await ask('/matching', { kind: 'redrive', filter: { id: 'x'.repeat(20_000) } }), {
      status: 413,
    })
    t.same(await sql('SELECT FROM commands'), [])
  })
}

t.test(
  'one order about many payments is carried out at a time, one about one beside it',
  async (t) => {
    const { ask, order, connectionString, sql } = await serve(t)
    const other = new pg.Client({ connectionString })
    await other.connect()
    t.teardown(() => other.end())
    await other.query('BEGIN')
    await other.query(`SELECT FROM payments WHERE correlation_id = '${uuid(1)}' FOR UPDATE`)
    const all = { kind: 'redrive', filter: {}, counted: 3, reason: 'x' }

    const begun = await ask('/commands', all)
    t.match(begun, { status: 200, body: { doneAt: null, isInterrupted: false, result: {} } })
    const busy = { status: 409, body: { detail: /one at a time/ } }
    t.match(await ask('/commands', all), busy)
    t.match(await ask('/matching', { kind: 'redrive', filter: {} }), { body: { payments: 3 } })

    await other.query('ROLLBACK')
    const done = `SELECT FROM commands WHERE done_at IS NOT NULL`
    await waitUntil({ what: 'it has ended' }, async () => (await sql(done)).length === 1)
    t.match(await order({ kind: 'lookUp', filter: {}, counted: 9 }), { status: 200 })
    t.same((await sql('SELECT FROM commands')).length, 2, 'what was refused is no command')
  },
)

t.test('what PostgreSQL does not take is not done, and the next order is', async (t) => {
  const { ask, order, sql, statesOf, tables } = await serve(t)
  const all = { kind: 'redrive', filter: {}, counted: 3, reason: 'x' }
  await sql('ALTER TABLE commands RENAME TO others')
  t.match(await ask('/commands', all), { status: 503, type: 'application/problem+json' })
  await sql('ALTER TABLE others RENAME TO commands')

  t.match(await order(all), { status: 200, body: { doneAt: /^20/ } })
  t.same(await statesOf(1), ['due'])
  await tables.close()
  t.match(await ask('/commands', { ...all, kind: 'lookUp' }), { status: 503 })
})
