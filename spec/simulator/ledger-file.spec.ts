import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { LedgerFile } from '../../src/simulator/ledger-file.ts'
import { PaymentLedger, type LedgerEntry } from '../../src/simulator/payment-ledger.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'

const MAIN = fileURLToPath(new URL('../../src/simulator/main.js', import.meta.url))

function entry(amountCents: number): LedgerEntry {
  return { correlationId: randomUUID(), amountCents, requestedAtMicros: 1_753_000_000_123_456 }
}

/** A ledger on the file, which is let go at the test's end. */
function openLedger(t: Test, path: string): PaymentLedger {
  const file = new LedgerFile(path)
  t.teardown(() => file.close())
  return new PaymentLedger(file)
}

function newPath(t: Test): string {
  return join(t.testdir(), 'ledger')
}

t.test('a ledger with a file begins with what it held before, to the microsecond', async (t) => {
  const path = newPath(t)
  const entries = Array.from({ length: 3 }, (_, at) => entry(at - 1))
  const first = openLedger(t, path)
  t.same(
    entries.map((each) => first.insert(each, 7)),
    ['recorded', 'recorded', 'recorded'],
  )
  t.equal(first.insert({ ...entry(9), correlationId: idOf(entries[0]) }, 8), 'known')

  const second = openLedger(t, path)

  t.strictSame([...second.entries({})], entries)
  t.equal(second.insert(entries[0] ?? entry(0), 9), 'known')
  t.strictSame(second.find(idOf(entries[2]), 0), entries[2], 'it was recorded long ago')
})

t.test('what is purged is not there after a restart, and what comes after is', async (t) => {
  const path = newPath(t)
  const first = openLedger(t, path)
  first.insert(entry(1), 0)
  first.purge()
  const later = entry(2)
  first.insert(later, 0)

  t.strictSame([...openLedger(t, path).entries({})], [later])
})

t.test(
  'an end that was written in part, or of zeros, costs the payments before nothing',
  async (t) => {
    const rows = [
      ['in part', (path: string) => truncateSync(path, statSync(path).size - 5), 1],
      ['more than whole', (path: string) => appendFileSync(path, Buffer.alloc(7, 1)), 2],
      ['of zeros', (path: string) => appendFileSync(path, Buffer.alloc(96)), 2],
    ] as const
    for (const [name, harm, left] of rows) {
      const path = join(t.testdir(), name)
      const entries = [entry(1), entry(2)]
      const first = openLedger(t, path)
      for (const each of entries) first.insert(each, 0)
      harm(path)

      const second = openLedger(t, path)
      const later = entry(3)
      second.insert(later, 0)

      const expected = [...entries.slice(0, left), later]
      t.strictSame([...second.entries({})], expected, name)
      t.strictSame([...openLedger(t, path).entries({})], expected, name)
    }
  },
)

t.test('a file of something else is refused and left as it is', async (t) => {
  const path = newPath(t)
  writeFileSync(path, 'my notes\n')
  const starting = (keepIn: string) => startSimulator({ port: 0, feeRate: 0, keepIn })

  await t.rejects(starting(path), { message: `${path} does not hold the payments of a simulator` })
  t.equal(readFileSync(path, 'utf8'), 'my notes\n')
  const nowhere = join(path, 'below')
  await t.rejects(starting(nowhere), {
    message: `a simulator cannot keep its payments in ${nowhere}`,
  })
})

t.test('a charge that the file has no place for is not recorded', async (t) => {
  const file = new LedgerFile(newPath(t))
  const ledger = new PaymentLedger(file)
  file.close()

  t.equal(ledger.insert(entry(1), 0), 'full')
  t.equal(ledger.size, 0)
})

t.test('a charge that was answered is there after its simulator was killed', async (t) => {
  const path = newPath(t)
  const { correlationId } = entry(0)
  const first = await run(t, path)
  const body = { correlationId, amount: 19.9, requestedAt: '2026-01-02T03:04:05.678Z' }
  const charged = await request(`${first.url}/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  t.equal(charged.statusCode, 200)
  await charged.body.dump()
  first.child.kill('SIGKILL')
  await once(first.child, 'close')

  const second = await run(t, path)

  const found = await request(`${second.url}/payments/${correlationId}`)
  t.strictSame(await found.body.json(), body)
})

function idOf(of: LedgerEntry | undefined): string {
  return of?.correlationId ?? ''
}

async function run(t: Test, keep: string) {
  const child = spawn(process.execPath, [MAIN, '--port', '0', '--keep', keep])
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, url: /on (http:\S+),/.exec(line.toString())?.[1] ?? '' }
}
