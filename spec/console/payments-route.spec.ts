// How payments are asked for on the operators' port, over both HTTP servers.

import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { waitUntil } from '../../bench/layout/wait.ts'
import { LedgerUnavailable } from '../../src/actors/model/errors.ts'
import type {
  FoundPayment,
  PageRequest,
  PaymentFinder,
} from '../../src/actors/model/found-payments.ts'
import { route } from '../../src/console/pages.ts'
import { findPayments } from '../../src/console/payments-route.ts'
import { loadWebServer } from '../../src/server/load-server.ts'
import { uuid } from '../contracts/ledger-words.ts'
import { openToAll } from '../support/access.ts'

const SERVERS = ['node', 'auto'] as const

const FOUND: FoundPayment = {
  correlationId: uuid(1),
  amountCents: 1_990,
  state: 'owned',
  acceptedAt: Date.UTC(2026, 0, 31),
  ownedBy: '=a,"b"',
  inDoubtAt: ['default'],
  attempts: 3,
}

async function serve(t: Test, server: (typeof SERVERS)[number], finder: PaymentFinder) {
  const app = (await loadWebServer(server)).createApp()
  t.teardown(() => app.close())
  route(app, {
    path: '/console/payments',
    read: (request) => findPayments(finder, request.getQuery() ?? ''),
    access: openToAll(),
    onBug: (_, error) => t.error(error),
  })
  const { port } = await app.listen({ host: '127.0.0.1', port: 0 })
  const ask = async (query: string, options?: RequestInit) => {
    const answer = await fetch(`http://127.0.0.1:${port}/console/payments${query}`, options)
    const { status, headers } = answer
    return { status, type: headers.get('content-type'), text: await answer.text() }
  }
  return { ask, port }
}

/** Gives so many pages, each with one payment, and fails at those that follow. */
function pagesThenFailure(pages: number): PaymentFinder & { readonly asked: PageRequest[] } {
  const asked: PageRequest[] = []
  return {
    asked,
    find: async (request) => {
      asked.push(request)
      if (asked.length > pages) throw new LedgerUnavailable('find', 'none')
      return {
        payments: [FOUND],
        older: { direction: 'older', atUs: asked.length, id: uuid(1) },
        lookedUntil: 5,
      }
    },
  }
}

for (const server of SERVERS) {
  t.test(`${server}: a page is found by the fields of the query`, async (t) => {
    const finder = pagesThenFailure(2)
    const { ask } = await serve(t, server, finder)

    const { status, text } = await ask('?state=open&from=2026-01-31T00:00:00+01:00&limit=7')
    const page: unknown = JSON.parse(text)

    t.equal(status, 200)
    t.strictSame(page, { payments: [FOUND], older: `older_1_${uuid(1)}`, lookedUntil: 5 })
    await ask(`?cursor=older_1_${uuid(1)}`)
    t.strictSame(finder.asked, [
      { filter: { states: ['parked', 'owned'], from: Date.UTC(2026, 0, 30, 23) }, limit: 7 },
      { filter: {}, limit: 50, place: { direction: 'older', atUs: 1, id: uuid(1) } },
    ])
    t.equal((await ask('')).status, 503, 'the database does not answer')
    t.equal((await ask('', { headers: { origin: 'http://elsewhere.example' } })).status, 403)
    t.equal((await ask('', { method: 'POST' })).status, 405)
  })

  t.test(`${server}: a field that is wrong, unknown or repeated is named`, async (t) => {
    const finder = pagesThenFailure(0)
    const { ask } = await serve(t, server, finder)
    const wrong = {
      state: '?state=retry',
      amountMin: '?amountMin=1.234',
      limit: '?limit=101',
      format: '?format=xml',
      cursor: '?cursor=1',
      states: '?states=parked',
      id: '?id=4a&id=4b',
    }
    for (const [field, query] of Object.entries(wrong)) {
      const { status, type, text } = await ask(query)
      t.match({ status, type }, { status: 400, type: 'application/problem+json' }, query)
      t.match(JSON.parse(text), { field, detail: /\.$/ }, query)
    }
    const strange = await ask('?%3Cscript%3E=1')
    t.notMatch(strange.text, 'script')
    t.same(finder.asked, [], 'nothing was asked of the ledger')
  })

  t.test(`${server}: a CSV goes on page after page, and says where it was cut`, async (t) => {
    const finder = pagesThenFailure(3)
    const { ask } = await serve(t, server, finder)

    const { type, text } = await ask('?format=csv&state=owned')

    t.match(type, 'text/csv')
    const row = `${uuid(1)},owned,19.90,,2026-01-31T00:00:00.000Z,,,"'=a,""b""",default,3`
    const [head, ...lines] = text.split('\n')
    t.match(head, 'id,state,amount,processor,accepted_at')
    const cut = `# cut since the database does not answer: cursor=older_3_${uuid(1)} goes on`
    t.strictSame(lines, [row, row, row, cut, ''])
    t.ok(finder.asked.every(({ filter }) => filter.states?.[0] === 'owned'))
    t.equal((await ask('?format=csv')).status, 503, 'a first page that is not found is no CSV')
  })

  t.test(`${server}: a client that reads no further is sent no further pages`, async (t) => {
    let asked = 0
    const finder: PaymentFinder = {
      find: async () => {
        asked += 1
        const payments = Array.from({ length: 100 }, () => FOUND)
        return { payments, older: { direction: 'older', atUs: asked, id: uuid(1) } }
      },
    }
    const { port } = await serve(t, server, finder)
    const socket = connect(port, '127.0.0.1').pause()
    socket.write('GET /console/payments?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n')
    let before = -1
    // Buffers on the way take some: then the number stands still.
    await waitUntil({ what: 'no more pages are asked for' }, () => {
      const isStill = asked > 0 && before === asked
      before = asked
      return isStill
    })
    t.ok(asked < 1_000, `${asked} pages of 1,000`)
    socket.destroy()
  })
}
