import t from 'tap'
import { loadFully, loadSteadily, loadWithinBacklog } from '../../bench/measure/payment-load.ts'
import { startHttpServer } from '../support/accepting-server.ts'

t.test('a steady load posts at its rate, whatever the answers do', async (t) => {
  const server = await startHttpServer(t, { status: 202 })
  let accepted = 0
  const target = server.target
  const plan = { target, seconds: 0.5, connections: 50, onAccepted: () => void (accepted += 1) }

  const result = await loadSteadily(plan, 200)

  t.equal(result.tally.succeeded + result.tally.failed + result.unsent, 100)
  t.equal(accepted, result.tally.succeeded)
  t.equal(server.received(), result.tally.succeeded)
})

t.test('a steady load that finds every connection busy counts what it did not send', async (t) => {
  const server = await startHttpServer(t, { status: 202, delayMs: 400 })

  const result = await loadSteadily({ target: server.target, seconds: 0.2, connections: 2 }, 100)

  t.equal(result.tally.succeeded, 2)
  t.equal(result.unsent, 18)
})

t.test('a full load goes on until it is over, and waits while it may not', async (t) => {
  const server = await startHttpServer(t, { status: 202 })
  let accepted = 0
  const target = server.target
  const plan = { target, seconds: 10, connections: 4, onAccepted: () => void (accepted += 1) }

  const over = await loadFully(plan, { isOver: () => accepted >= 100 })
  t.ok(over.tally.succeeded >= 100 && over.tally.succeeded < 104, `${over.tally.succeeded}`)

  const none = await loadFully({ ...plan, seconds: 0.05 }, { may: () => false })
  t.equal(none.tally.succeeded, 0)
})

t.test('a load within a backlog stops while nothing more is recorded', async (t) => {
  const server = await startHttpServer(t, { status: 202 })
  const plan = { target: server.target, seconds: 2, connections: 4 }
  const recorded = (): Promise<number> => Promise.resolve(7)

  const { tally } = await loadWithinBacklog(plan, { backlogMax: 20, recorded })

  t.ok(tally.succeeded > 0 && tally.succeeded < 24, `${tally.succeeded}`)
})

t.test('refused payments do not raise the rate of requests', async (t) => {
  const server = await startHttpServer(t, { status: 503 })

  const result = await loadFully({ target: server.target, seconds: 0.2, connections: 4 })

  t.equal(result.tally.succeeded, 0)
  t.ok(result.tally.failed > 0 && result.tally.failed <= 4 * 45, `${result.tally.failed}`)
})
