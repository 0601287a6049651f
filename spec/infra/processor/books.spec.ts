// What is read of a processor's books.

import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import {
  ProcessorBooks,
  readRecordedTotal,
  readTotals,
} from '../../../src/infra/processor/books.ts'

const read = (text: string) => readRecordedTotal(readTotals(text))

t.test('a total of the books is read to the cent, however large it is', async (t) => {
  for (const [amount, cents] of [
    ['59.699999999999996', 5_970n],
    ['0', 0n],
    ['19.9', 1_990n],
    ['0.005', 1n],
    ['270215977642229.79', 27_021_597_764_222_979n],
    ['1.5e3', 150_000n],
  ] as const) {
    const total = read(`{"totalRequests": 3, "totalAmount" : ${amount}, "totalFee":0.5}`)
    t.same(total, { payments: 3n, cents }, amount)
  }
})

t.test('a total of the books is valid only if both its numbers are', async (t) => {
  for (const text of [
    '',
    'null',
    '[]',
    '"x"',
    '{}',
    '{"totalRequests":1.5,"totalAmount":1}',
    '{"totalRequests":-1,"totalAmount":1}',
    '{"totalRequests":"1","totalAmount":1}',
    '{"totalRequests":1,"totalAmount":null}',
    '{"totalRequests":1,"totalAmount":-1}',
    '{"totalRequests":1,"totalAmount":1e300}',
    '{"totalRequests":1,"totalAmount":1.2.3}',
    '{"totalRequests":1}',
  ]) {
    t.equal(read(text), undefined, text)
  }
})

t.test('a payment is missing by a 404 without a body, and not by a page of others', async (t) => {
  const books = await openBooks(t, (request, response) => {
    response.statusCode = 404
    const { pathname } = new URL(request.url ?? '', 'http://pages')
    response.end(pathname === `/payments/${MISSING}` ? '' : '<h1>Not found</h1>')
  })

  t.same(await books.find(MISSING), { kind: 'answered', value: undefined })
  t.same(await books.find(BEHIND_A_PAGE), {
    kind: 'silent',
    why: 'a payment was answered 404 with a body',
  })
})

t.test('a payment is not missing by a 404 that a cache has', async (t) => {
  const paths: string[] = []
  const books = await openBooks(t, (request, response) => {
    paths.push(request.url ?? '')
    if (paths.length > 1) response.setHeader('Age', '59')
    response.writeHead(404).end()
  })

  t.same(await books.find(MISSING), { kind: 'answered', value: undefined })
  t.same(await books.find(MISSING), {
    kind: 'silent',
    why: 'a payment was answered from a cache',
  })
  t.equal(new Set(paths).size, 2, 'and none that goes by the URL is asked twice')
})

async function openBooks(t: Test, answer: RequestListener): Promise<ProcessorBooks> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const url = `http://127.0.0.1:${port}`
  return new ProcessorBooks({ name: 'default', url, token: '', timeoutMs: 30_000 })
}

const MISSING = '00000000-0000-4000-8000-000000000001'
const BEHIND_A_PAGE = '00000000-0000-4000-8000-000000000002'
