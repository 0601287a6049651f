import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { startSimulator } from '../../src/simulator/simulator.ts'

async function start(t: Test) {
  const simulator = await startSimulator({ port: 0, feeRate: 0.05 })
  t.teardown(() => simulator.close())
  const admin = async (method: 'GET' | 'PUT' | 'POST', path: string, body?: unknown) => {
    const answer = await request(`${simulator.url}/admin/${path}`, {
      method,
      headers: { 'x-rinha-token': '123' },
      body: body === undefined ? null : JSON.stringify(body),
    })
    return { status: answer.statusCode, text: await answer.body.text() }
  }
  const charge = (n: number, requestedAt: string, amount = 19.9) =>
    request(`${simulator.url}/payments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ correlationId: id(n), amount, requestedAt }),
    }).then((answer) => answer.body.text())
  return { simulator, admin, charge }
}

function id(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
}

t.test('/admin needs the token, which can be changed', async (t) => {
  const { simulator, admin } = await start(t)

  const without = await request(`${simulator.url}/admin/payments-summary`)
  const changed = await admin('PUT', 'configurations/token', { token: 'other' })
  const old = await admin('GET', 'payments-summary')

  t.equal(without.statusCode, 401)
  t.equal(changed.status, 204)
  t.equal(old.status, 401)
})

t.test('a summary includes both its ends, and is of everything when one is missing', async (t) => {
  const { admin, charge } = await start(t)
  for (const n of [0, 1, 2, 3]) await charge(n, `2025-07-15T12:00:00.00${n}Z`)
  const path = 'payments-summary?from=2025-07-15T12:00:00.001Z'

  const window = await admin('GET', `${path}&to=2025-07-15T12:00:00.002Z`)
  const half = await admin('GET', path)
  const wrong = await admin('GET', 'payments-summary?from=yesterday')

  const fields = '"totalRequests":2,"totalFee":1.99,"feePerTransaction":0.05'
  t.equal(window.text, `{"totalAmount":39.80,${fields}}`)
  t.match(half.text, '"totalAmount":79.60,"totalRequests":4')
  t.equal(wrong.status, 400)
})

t.test('a switch is answered with its old and new value, and refuses invalid ones', async (t) => {
  const { admin } = await start(t)

  const delay = await admin('PUT', 'configurations/delay', { delay: 5 })
  const failure = await admin('PUT', 'configurations/failure', { failure: true })
  const wrong = [
    await admin('PUT', 'configurations/delay', { delay: -1 }),
    await admin('PUT', 'configurations/delay', { delay: '5' }),
    await admin('PUT', 'configurations/failure', {}),
    await admin('PUT', 'configurations/token', { token: '' }),
  ]

  t.equal(delay.text, '{"config":"delay","was":0,"is":5}')
  t.equal(failure.text, '{"config":"failure","was":false,"is":true}')
  for (const { status } of wrong) t.equal(status, 400)
})

t.test('faults are shown, replaced and cleared, and invalid ones are named', async (t) => {
  const { simulator, admin } = await start(t)
  const path = 'configurations/faults'
  const charge = [{ kind: 'slow', share: 0.5, delayMs: 12_000 }]
  const wrong = [
    [{ charge: [{ kind: 'odd', share: 1 }] }, 'charge[0].kind must be one of slow, '],
    [{ charge: [{ kind: 'slow', share: 1 }] }, 'charge[0].delayMs must be a number from 0'],
    [{ lookUp: [{ kind: 'fail', share: 2 }] }, 'lookUp[0].share must be a number from 0 to 1'],
    [{ lookUp: [{ kind: 'fail', share: 1, delayMs: 1 }] }, 'delayMs has no meaning for fail'],
    [{ lookUp: [{ kind: 'fail', share: 1, status: 200 }] }, 'status must be a whole number from'],
    [{ charge: [charge[0], { kind: 'limited', share: 0.6 }] }, 'add up to more than 1'],
    [{ charge: {} }, 'charge must be a list'],
    [{ flap: 1 }, 'has flap, but may only have charge, lookUp, flapMs, seed'],
    [[], 'the body must be a JSON object'],
  ] as const

  await admin('PUT', path, { charge, flapMs: 1000, seed: 7 })
  for (const [body, message] of wrong) {
    const refused = await admin('PUT', path, body)
    t.equal(refused.status, 400)
    t.match(refused.text, message)
  }
  const told = await admin('GET', path)
  await admin('PUT', path, {})

  t.strictSame(JSON.parse(told.text), { charge, lookUp: [], flapMs: 1000, seed: 7 })
  t.equal((await admin('GET', path)).text, '{"charge":[],"lookUp":[],"flapMs":null,"seed":1}')
  t.throws(() => simulator.setFaults({ flapMs: 0 }), { code: 'faults_invalid' })
})

t.test('a purge forgets the payments, so that their ids are new again', async (t) => {
  const { simulator, admin, charge } = await start(t)
  await charge(1, '2025-07-15T12:00:00Z')

  const purged = await admin('POST', 'purge-payments')
  await charge(1, '2025-07-15T12:00:00Z')

  t.equal(purged.status, 200)
  t.strictSame(simulator.ledger.summarize({}), { payments: 1, cents: 1990 })
  t.match(JSON.parse((await admin('GET', 'sends')).text), {
    received: 2,
    outcomes: { recorded: 2 },
  })
})

t.test('payments are listed one by one, as they stood when the listing began', async (t) => {
  const { simulator, admin } = await start(t)
  const first = Date.parse('2025-07-15T12:00:00Z')
  for (let n = 0; n < 20_000; n += 1) {
    const requestedAtMicros = (first + n) * 1000
    simulator.ledger.insert({ correlationId: id(n), amountCents: n, requestedAtMicros }, 0)
  }

  const answer = await request(`${simulator.url}/admin/payments`, {
    headers: { 'x-rinha-token': '123' },
  })
  simulator.ledger.purge()
  let lines = 0
  let cents = 0
  for await (const line of createInterface({ input: answer.body })) {
    const payment = JSON.parse(line) as { amountCents: number; requestedAt: number }
    if (payment.requestedAt !== first + lines) t.fail(`line ${lines} is ${line}`)
    lines += 1
    cents += payment.amountCents
  }
  const after = await admin('GET', 'payments')

  t.equal(lines, 20_000)
  t.equal(cents, 199_990_000)
  t.equal(after.text, '')
  t.equal((await admin('GET', 'payments?to=x')).status, 400)
})

t.test('a listing waits for a slow reader', async (t) => {
  const { simulator } = await start(t)
  for (let n = 0; n < 200_000; n += 1) {
    simulator.ledger.insert({ correlationId: id(n), amountCents: 1, requestedAtMicros: n }, 0)
  }

  const answer = await request(`${simulator.url}/admin/payments`, {
    headers: { 'x-rinha-token': '123' },
  })
  for (let turn = 0; turn < 1000; turn += 1) await setImmediate()
  const text = await answer.body.text()

  t.equal(text.split('\n').length, 200_001)
})
