import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventEmitter, once } from 'node:events'
import t, { type Test } from 'tap'
import { ThreadedUsers } from '../../bench/challenge/threaded-users.ts'
import { Users, type UsersOptions } from '../../bench/challenge/users.ts'
import { GIVE_UP_MS } from '../../bench/layout/wait.ts'
import type { Target } from '../../bench/load/target.ts'
import type { Outcome } from '../../bench/load/tally.ts'
import { Burden, type Weight } from '../../bench/load/weight.ts'

const WEIGHT: Weight = { threads: 2, workUs: 100, garbageKib: 40, heldMib: 2, restSeconds: 0 }

t.test('a request of a heavy generator takes CPU time, and leaves memory held', async (t) => {
  const burden = new Burden({ ...WEIGHT, workUs: 100_000 })
  const before = process.cpuUsage()

  burden.carryHalf()

  const { user, system } = process.cpuUsage(before)
  // A tenth of it, since a machine may have been slower while the loop was measured.
  t.ok(user + system > 5000, `${user + system} µs`)
  t.equal(burden.heldMib, 1, 'half of it in each of two threads')
})

t.test('users on threads post what users on one thread post, each on one connection', async (t) => {
  const server = await startServer(t)
  const answers: { outcome: Outcome; sentAtMs: number }[] = []
  const options = optionsFor(server.target, (outcome, sentAtMs) => {
    answers.push({ outcome, sentAtMs })
  })

  const users = await ThreadedUsers.open(options, WEIGHT)
  t.equal(server.connections(), 0, 'nobody begins before run')
  await users.run()

  // The last one would begin when the load is over.
  t.equal(users.started, options.users - 1)
  t.equal(server.connections(), options.users - 1)
  t.ok(answers.length >= options.users - 1, `${answers.length} answers`)
  t.equal(answers.length, server.requests(), 'each answer is told once')
  t.ok(answers.every(({ outcome }) => outcome.kind === 'answered' && outcome.status === 202))
  t.ok(answers.every(({ sentAtMs }) => sentAtMs >= 0 && sentAtMs < options.durationMs + 1000))
})

t.test('threads share the ramp: each begins every n-th user at its time', async (t) => {
  const server = await startServer(t)
  const begun = async (index: number, count: number): Promise<readonly number[]> => {
    const sent: number[] = []
    const told = new EventEmitter()
    const onAnswer: UsersOptions['onAnswer'] = (_, sentAtMs) => {
      if (sent.push(sentAtMs) === count) told.emit('all')
    }
    const options = optionsFor(server.target, onAnswer)
    const users = new Users({ ...options, thinkMs: GIVE_UP_MS, share: { index, of: 3 } })
    const all = once(told, 'all')
    const ended = users.run()
    await all
    users.stop()
    await ended
    return sent
  }

  // Five users over 400 ms: number 0 at once, 1 at 100 ms, 2 at 200 and 3 at 300, the last never.
  const [first, fourth] = await begun(0, 2)
  const [second] = await begun(1, 1)
  const [third] = await begun(2, 1)

  t.ok(first !== undefined && fourth !== undefined && fourth >= 299, `${fourth}`)
  t.ok(second !== undefined && second >= 99, `${second}`)
  t.ok(third !== undefined && third >= 199, `${third}`)
  t.equal(server.requests(), 4)
})

t.test('users on threads that are stopped end their run', async (t) => {
  const server = await startServer(t)
  const users = await ThreadedUsers.open(
    { ...optionsFor(server.target, () => undefined), durationMs: GIVE_UP_MS },
    WEIGHT,
  )
  const ended = users.run()
  await server.until(1)

  users.stop()

  await ended
  t.pass()
})

function optionsFor(target: Target, onAnswer: UsersOptions['onAnswer']): UsersOptions {
  return {
    target,
    users: 5,
    durationMs: 400,
    thinkMs: 50,
    timeoutMs: GIVE_UP_MS,
    amountCents: 1990,
    onAnswer,
  }
}

async function startServer(t: Test): Promise<{
  readonly target: Target
  connections(): number
  requests(): number
  /** Resolves once so many requests have come. */
  until(requests: number): Promise<void>
}> {
  let [connections, requests] = [0, 0]
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      requests += 1
      response.writeHead(202).end()
      server.emit('told')
    })
  })
  server.on('connection', () => (connections += 1))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    target: { host: '127.0.0.1', port },
    connections: () => connections,
    requests: () => requests,
    until: async (wanted) => {
      while (requests < wanted) await once(server, 'told')
    },
  }
}
