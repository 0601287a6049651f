// The floor of what is durable: commits each payment by one plain insert, answers 202, and does
// nothing else: it knows no lease, settles nothing and keeps no books. It takes the place of a Pit
// in the layout, with its environment, so what it shows is what nginx, Node, PostgreSQL and the
// machine need at the least.

import { createServer } from 'node:http'
import pg from 'pg'
import { loadWebServer } from '../../src/server/load-server.ts'
import type { HttpResponse } from '../../src/server/web-server.ts'

interface Client {
  /** Undefined once it is gone. */
  response: HttpResponse | undefined
}

interface Waiting {
  readonly id: string
  readonly cents: number
  readonly client: Client
}

const { DATABASE_URL = '', LISTEN_SOCKET = '', OPS_PORT = '' } = process.env

const ledger = new pg.Client({ connectionString: DATABASE_URL })
await ledger.connect()
// Two servers that make the same table at once would fail each other: the lock is kept until the
// table is committed, since both statements are one transaction.
await ledger.query(`SELECT pg_advisory_xact_lock(1);
  CREATE TABLE IF NOT EXISTS floor (id uuid PRIMARY KEY, cents bigint NOT NULL)`)

const INSERT = {
  name: 'insert',
  text: `INSERT INTO floor SELECT * FROM unnest($1::uuid[], $2::bigint[]) ON CONFLICT DO NOTHING`,
}

let waiting: Waiting[] = []
let isWriting = false

/** Group commit, as Pit's: while one batch is committed the next one gathers. */
async function write(): Promise<void> {
  if (isWriting) return
  isWriting = true
  while (waiting.length > 0) {
    const batch = waiting
    waiting = []
    const ids = `{${batch.map(({ id }) => id).join(',')}}`
    const cents = `{${batch.map((each) => each.cents).join(',')}}`
    await ledger.query({ ...INSERT, values: [ids, cents] })
    for (const { client } of batch) {
      const { response } = client
      response?.cork(() => {
        response.writeStatus('202 Accepted')
        response.end()
      })
    }
  }
  isWriting = false
}

function take(body: string, client: Client): void {
  const { correlationId, amount } = JSON.parse(body) as { correlationId: string; amount: number }
  waiting.push({ id: correlationId, cents: Math.round(amount * 100), client })
  void write()
}

const app = (await loadWebServer('auto')).createApp()
app.post('/payments', (response) => {
  const client: Client = { response }
  let body = ''
  response.onAborted(() => {
    client.response = undefined
  })
  response.onData((chunk, isLast) => {
    body += Buffer.from(chunk).toString()
    if (isLast) take(body, client)
  })
})
await app.listen({ socket: LISTEN_SOCKET })
// The layout's question whether it is ready.
createServer((_, answer) => answer.end()).listen(Number(OPS_PORT), '127.0.0.1')

process.on('SIGTERM', () => process.exit(0))
