import t, { type Test } from 'tap'
import { request } from 'undici'
import type { ChargeFaultKind, Fault, Faults } from '../../src/simulator/faults.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { ManualClock } from './manual-clock.ts'

async function start(t: Test, faults: Partial<Faults>) {
  const clock = new ManualClock()
  const simulator = await startSimulator({ port: 0, feeRate: 0.05, clock })
  t.teardown(() => simulator.close())
  simulator.setFaults(faults)
  const charge = (n: number) =>
    outcome(`${simulator.url}/payments`, {
      correlationId: id(n),
      amount: 19.9,
      requestedAt: '2025-07-15T12:34:56.789Z',
    })
  const lookUp = (n: number) => outcome(`${simulator.url}/payments/${id(n)}`)
  return { clock, simulator, charge, lookUp }
}

function id(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
}

/** Status and body of an answer, or the code of the error that ended the connection. */
async function outcome(url: string, body?: unknown): Promise<string> {
  try {
    const answer = await request(url, {
      method: body ? 'POST' : 'GET',
      headers: { 'content-type': 'application/json' },
      body: body ? JSON.stringify(body) : null,
    })
    return `${answer.statusCode} ${await answer.body.text()}`
  } catch (error) {
    return (error as { code: string }).code
  }
}

const certain = (kind: ChargeFaultKind, more: Partial<Fault<ChargeFaultKind>> = {}) => ({
  charge: [{ kind, share: 1, ...more }],
})

t.test('each fault answers and records, or does not, as its name says', async (t) => {
  const table = [
    [certain('failBeforeRecord'), /^500 $/, 0],
    [certain('failBeforeRecord', { status: 503 }), /^503 $/, 0],
    [certain('failAfterRecord', { status: 502 }), /^502 $/, 1],
    [certain('resetBeforeRecord'), /^UND_ERR_SOCKET$/, 0],
    [certain('resetAfterRecord'), /^UND_ERR_SOCKET$/, 1],
    [certain('cutAnswer'), /^UND_ERR_SOCKET$/, 1],
    [certain('emptyAnswer'), /^200 $/, 1],
    [certain('hugeAnswer'), /^200 \{"message":"xxx/, 1],
    [certain('notJsonAnswer'), /^200 <html>/, 1],
    [certain('limited'), /^429 $/, 0],
  ] as const

  for (const [faults, answer, recorded] of table) {
    const { simulator, charge } = await start(t, faults)
    const { kind } = faults.charge[0] ?? { kind: 'slow' }

    const told = await charge(1)

    t.ok(answer.test(told), `${kind} answers ${told.slice(0, 40)}`)
    t.equal(simulator.ledger.summarize({}).payments, recorded, `${kind} records ${recorded}`)
    t.strictSame(simulator.sends().faults, { [kind]: 1 })
  }
})

t.test('a huge answer is JSON of eight megabytes', async (t) => {
  const { charge } = await start(t, certain('hugeAnswer'))

  const told = await charge(1)

  t.equal(told.length, '200 '.length + 8_388_608)
  t.equal(typeof JSON.parse(told.slice(4)), 'object')
})

t.test('the wait of a slow charge is added to the delay', async (t) => {
  const { clock, simulator, charge } = await start(t, certain('slow', { delayMs: 12_000 }))
  simulator.setDelay(100)
  const told = charge(1)
  await clock.timers(1)

  clock.advance(12_099)
  const before = simulator.ledger.summarize({}).payments
  clock.advance(1)

  t.equal(before, 0)
  t.match(await told, '200 {"message"')
  t.equal(simulator.ledger.summarize({}).payments, 1)
})

t.test('a charge may be recorded long after its connection was closed', async (t) => {
  const { clock, simulator, charge } = await start(t, certain('resetThenRecord', { delayMs: 9000 }))

  const told = await charge(1)
  const before = simulator.ledger.summarize({}).payments
  clock.advance(9000)

  t.equal(told, 'UND_ERR_SOCKET')
  t.equal(before, 0)
  t.equal(simulator.ledger.summarize({}).payments, 1)
})

t.test('a dripping answer comes byte by byte, and is whole in the end', async (t) => {
  const { clock, charge } = await start(t, certain('dripAnswer', { delayMs: 50 }))
  const told = charge(1)
  await clock.timers(1)

  clock.advance(50 * '{"message":"payment processed successfully"}'.length)

  t.equal(await told, '200 {"message":"payment processed successfully"}')
})

t.test('a cut answer shows its status and half of its body', async (t) => {
  const { simulator } = await start(t, certain('cutAnswer'))

  const answer = await request(`${simulator.url}/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ correlationId: id(1), amount: 1, requestedAt: '2025-07-15T12:34:56Z' }),
  }).catch(() => undefined)

  // A client that has the head and the close in one read may report the close only.
  t.equal(answer?.statusCode ?? 200, 200)
  await t.rejects(answer ? answer.body.text() : Promise.reject(new Error('closed')))
})

t.test('look-ups fail, answer late with what was read before, or are stale', async (t) => {
  const { clock, simulator, charge, lookUp } = await start(t, {})
  await charge(1)

  simulator.setFaults({ lookUp: [{ kind: 'fail', share: 1, status: 504 }] })
  const failed = await lookUp(1)
  simulator.setFaults({ lookUp: [{ kind: 'late', share: 1, delayMs: 3000 }] })
  const late = [lookUp(1), lookUp(2)]
  await clock.timers(2)
  await charge(2)
  clock.advance(3000)
  const [lateFound, lateMissing] = await Promise.all(late)
  simulator.setFaults({ lookUp: [{ kind: 'stale', share: 1, delayMs: 2000 }] })
  await charge(3)
  clock.advance(1999)
  const stale = await lookUp(3)
  clock.advance(1)

  t.equal(failed, '504 ')
  t.match(lateFound, '200 {"correlationId"')
  t.equal(lateMissing, '404 ')
  t.equal(stale, '404 ')
  t.match(await lookUp(3), '200 {"correlationId"')
})

t.test('flapping switches failing on and off, off first', async (t) => {
  const { clock, simulator, charge } = await start(t, { flapMs: 1000 })

  const statuses = []
  for (const n of [1, 2, 3, 4]) {
    statuses.push((await charge(n)).slice(0, 3))
    clock.advance(1000)
  }
  const health = await outcome(`${simulator.url}/payments/service-health`)
  clock.advance(1000)
  simulator.setFaults({})

  t.strictSame(statuses, ['200', '500', '200', '500'])
  t.match(health, '"failing":false')
  t.match(await charge(5), '200')
})

t.test('the same seed draws the same faults, close to their shares', async (t) => {
  const faults: Partial<Faults> = {
    charge: [
      { kind: 'failBeforeRecord', share: 0.3 },
      { kind: 'emptyAnswer', share: 0.2 },
    ],
    lookUp: [{ kind: 'fail', share: 0.5 }],
    seed: 42,
  }
  const run = async () => {
    const { simulator, charge, lookUp } = await start(t, faults)
    const told: string[] = []
    for (let n = 0; n < 400; n += 1) told.push(await charge(n))
    await lookUp(1)
    return { told, faults: simulator.sends().faults }
  }

  const [first, second] = [await run(), await run()]

  t.strictSame(first, second)
  t.ok(Math.abs((first.faults.failBeforeRecord ?? 0) - 120) < 40)
  t.ok(Math.abs((first.faults.emptyAnswer ?? 0) - 80) < 35)
})
