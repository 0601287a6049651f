import { once } from 'node:events'
import net from 'node:net'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { request } from 'undici'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { ManualClock } from './manual-clock.ts'

const AT = '2025-07-15T12:34:56.789Z'

async function start(t: Test) {
  const clock = new ManualClock()
  const simulator = await startSimulator({ port: 0, feeRate: 0.05, clock })
  t.teardown(() => simulator.close())
  return { clock, simulator, ...client(simulator.url) }
}

function client(url: string) {
  const call = async (method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown) => {
    const headers = { 'content-type': 'application/json', 'x-rinha-token': '123' }
    const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await request(url + path, { method, headers, body: text })
    return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
  }
  const charge = (n: number, amount: number | string = 19.9, requestedAt = AT) =>
    call('POST', '/payments', { correlationId: id(n), amount, requestedAt })
  return { call, charge }
}

function rawCharge(n: number): string {
  const body = JSON.stringify({ correlationId: id(n), amount: 1, requestedAt: AT })
  const head = 'POST /payments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json'
  return `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** Lets the event loop run until a condition holds; tap's timeout bounds it. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setImmediate()
}

function succeeded<Answer extends { status: number }>(answer: Answer): Answer {
  if (answer.status !== 200) throw new Error(`http ${answer.status}`)
  return answer
}

function id(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
}

t.test('a charge is recorded once, and looked up as it was recorded', async (t) => {
  const { simulator, call, charge } = await start(t)

  const statuses = [(await charge(1)).status, (await charge(1, 5)).status]
  const found = await call('GET', `/payments/${id(1).toUpperCase()}`)
  const missing = await call('GET', `/payments/${id(2)}`)

  t.strictSame(statuses, [200, 422])
  t.equal(found.text, `{"correlationId":"${id(1)}","amount":19.90,"requestedAt":"${AT}"}`)
  t.equal(missing.status, 404)
  t.equal((await call('GET', '/payments/nonsense')).status, 400)
  t.strictSame(simulator.ledger.summarize({}), { payments: 1, cents: 1990 })
})

t.test('microseconds are kept, amounts are rounded half to even', async (t) => {
  const { simulator, charge, call } = await start(t)

  await charge(1, 0.125, '2025-07-15T12:34:56.1234567Z')
  await charge(2, 77.825)
  await charge(3, 1.0051, '2025-07-15T14:34:56+02:00')

  t.match((await call('GET', `/payments/${id(1)}`)).text, '"2025-07-15T12:34:56.123456Z"')
  t.match((await call('GET', `/payments/${id(3)}`)).text, '"2025-07-15T12:34:56Z"')
  t.strictSame(
    [...simulator.ledger.entries({})].map((payment) => payment.amountCents),
    [12, 7782, 101],
  )
})

t.test('a malformed charge is answered 400 without a wait, one too large 413', async (t) => {
  const { simulator, call } = await start(t)
  simulator.setDelay(1000)
  const good = { correlationId: id(1), amount: 1, requestedAt: AT }
  const wrong = [
    '',
    '{"correlationId":',
    'null',
    { ...good, correlationId: '1' },
    { ...good, amount: '1' },
    { ...good, amount: 1e30 },
    { ...good, requestedAt: '2025-02-30T00:00:00Z' },
    { correlationId: id(1), requestedAt: AT },
  ]

  for (const body of wrong) t.equal((await call('POST', '/payments', body)).status, 400)
  const text = await request(`${simulator.url}/payments`, { method: 'POST', body: 'text' })
  const large = await call('POST', '/payments', 'x'.repeat(20_000))

  t.equal(text.statusCode, 415)
  t.equal(large.status, 413)
  t.equal(simulator.sends().outcomes.malformed, wrong.length + 1)
})

t.test('the failure switch is read after the delay, and does not affect look-ups', async (t) => {
  const { clock, simulator, call, charge } = await start(t)
  simulator.setDelay(2000)
  const failed = charge(1)
  await clock.timers(1)
  simulator.setFailure(true)

  const lookUp = await call('GET', `/payments/${id(1)}`)
  clock.advance(2000)
  const answered = await failed
  const second = charge(1)
  await clock.timers(1)
  simulator.setFailure(false)
  clock.advance(2000)

  t.equal(lookUp.status, 404)
  t.equal(answered.status, 500)
  t.equal((await second).status, 200)
  t.strictSame(simulator.sends().received, 2)
})

t.test('a client that hangs up does not stop its charge', async (t) => {
  const { clock, simulator, call } = await start(t)
  simulator.setDelay(5000)
  const socket = net.connect(simulator.port, '127.0.0.1')
  socket.write(rawCharge(1))
  await clock.timers(1)

  socket.destroy()
  await once(socket, 'close')
  await call('GET', '/nowhere')
  clock.advance(5000)

  t.strictSame(simulator.ledger.summarize({}), { payments: 1, cents: 100 })
})

t.test('one health check runs per window, two wait, and the others get 429', async (t) => {
  const { clock, simulator, call } = await start(t)
  simulator.setDelay(70)
  const probe = () => call('GET', '/payments/service-health')

  const first = await probe()
  const others = [probe(), probe(), probe()]
  const refused = await Promise.race(others)
  await clock.timers(1)
  simulator.setFailure(true)
  clock.advance(5000)
  const second = await Promise.any(others.map((other) => other.then(succeeded)))
  clock.advance(5000)
  const statuses = (await Promise.all(others)).map((answer) => answer.status)

  t.equal(first.text, '{"failing":false,"minResponseTime":70}')
  t.equal(refused.status, 429)
  t.equal(refused.headers['retry-after'], '5')
  t.equal(second.text, '{"failing":true,"minResponseTime":70}')
  t.strictSame(statuses.toSorted(), [200, 200, 429])
})

t.test('a client that hangs up while it waits leaves its place to the next', async (t) => {
  const { clock, simulator, call } = await start(t)
  const probe = () => call('GET', '/payments/service-health')
  await probe()
  const leaver = net.connect(simulator.port, '127.0.0.1')
  leaver.write('GET /payments/service-health HTTP/1.1\r\nHost: x\r\n\r\n')
  await clock.timers(1)
  leaver.destroy()
  await once(leaver, 'close')
  await call('GET', '/nowhere')

  const others = [probe(), probe(), probe()]
  const refused = await Promise.race(others)
  clock.advance(5000)
  clock.advance(5000)
  const statuses = (await Promise.all(others)).map((answer) => answer.status)

  t.equal(refused.status, 429)
  t.strictSame(statuses.toSorted(), [200, 200, 429])
})

t.test('800 charges and look-ups run at once, 500 wait, and the others get 429', async (t) => {
  const { clock, simulator, call, charge } = await start(t)
  simulator.setDelay(1000)
  const charges = Array.from({ length: 1301 }, (_, n) => charge(n))
  const limited = await Promise.race(charges)
  await clock.timers(800)

  const lookUp = await call('GET', `/payments/${id(1)}`)
  simulator.setDelay(0)
  clock.advance(1000)
  const statuses = (await Promise.all(charges)).map((answer) => answer.status)

  t.equal(limited.status, 429)
  t.equal(limited.headers['retry-after'], '5')
  t.equal(lookUp.status, 429)
  t.equal(statuses.filter((status) => status === 200).length, 1300)
  t.equal((await call('GET', `/payments/${id(9999)}`)).status, 404)
})

t.test('a charge whose client hangs up while it waits for a permit is not recorded', async (t) => {
  const { clock, simulator, charge } = await start(t)
  simulator.setDelay(1000)
  const charges = Array.from({ length: 800 }, (_, n) => charge(n))
  await clock.timers(800)
  const leaver = net.connect(simulator.port, '127.0.0.1')
  leaver.write(rawCharge(900))
  await until(() => simulator.sends().received === 801)

  leaver.destroy()
  await until(() => simulator.sends().outcomes.withdrawn === 1)
  clock.advance(1000)
  await Promise.all(charges)

  t.equal(simulator.ledger.summarize({}).payments, 800)
})

t.test('a charge that comes in two pieces is read whole', async (t) => {
  const { simulator, call } = await start(t)
  const text = rawCharge(1)
  const socket = net.connect({ port: simulator.port, host: '127.0.0.1', noDelay: true })
  t.teardown(() => socket.destroy())

  socket.write(text.slice(0, -40))
  await call('GET', '/nowhere')
  socket.write(text.slice(-40, -20))
  await call('GET', '/nowhere')
  socket.write(text.slice(-20))
  await once(socket, 'data')

  t.equal(simulator.ledger.summarize({}).payments, 1)
})

t.test('a full ledger answers 500 and closing leaves waiting charges unrecorded', async (t) => {
  const { clock, simulator, charge } = await start(t)
  const amountCents = Number.MAX_SAFE_INTEGER
  simulator.ledger.insert({ correlationId: id(1), amountCents, requestedAtMicros: 0 }, 0)

  const full = await charge(2)
  simulator.ledger.purge()
  simulator.setDelay(1000)
  const waiting = t.rejects(charge(3))
  await clock.timers(1)
  await simulator.close()
  clock.advance(1000)

  t.equal(full.status, 500)
  await waiting
  t.equal(simulator.ledger.summarize({}).payments, 0)
})
