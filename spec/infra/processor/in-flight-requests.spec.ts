import { AssertionError } from 'node:assert'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { errors } from 'undici'
import {
  InFlightRequest,
  InFlightRequests,
  type RequestEnd,
} from '../../../src/infra/processor/in-flight-requests.ts'
import { crashesOf } from '../../support/crashes.ts'
import { StandingTime } from '../../support/standing-time.ts'

interface Deadlines {
  readonly sendBy: number
  readonly answerBy: number
}

const CONTROLLER = {
  aborted: false,
  paused: false,
  reason: null,
  pause: () => undefined,
  resume: () => undefined,
  abort: () => undefined,
}

function requestOf(deadlines: Deadlines, said: string[]): InFlightRequest {
  const request = new InFlightRequest({
    ...deadlines,
    isOwn: () => true,
    mayWrite: () => true,
    report: (end) => void said.push('detail' in end ? end.detail : end.kind),
    onReleased: () => undefined,
  })
  request.dispatched()
  return request
}

t.test('a request that is not sent in time ends at its deadline', async (t) => {
  const clock = new StandingTime()
  const inFlight = new InFlightRequests(2, clock)
  const said: string[] = []
  inFlight.add(requestOf({ sendBy: 1000, answerBy: 8000 }, said))

  clock.increment(999)
  t.same(said, [])
  clock.increment(1)

  t.same(said, ['connect timeout'])
  t.equal(clock.pending, 0, 'and no timer is left')
})

t.test('after this process has stood still, what lies in its sockets is read first', async (t) => {
  const clock = new StandingTime()
  const inFlight = new InFlightRequests(2, clock)
  const said: string[] = []
  inFlight.add(requestOf({ sendBy: 1000, answerBy: 8000 }, said))

  clock.increment(1101)
  t.same(said, [], 'timers run before sockets are read')
  await setImmediate()

  t.same(said, ['connect timeout'])
  t.equal(clock.pending, 0)
})

t.test('an earlier deadline is met when a later one was set first', async (t) => {
  const clock = new StandingTime()
  const inFlight = new InFlightRequests(2, clock)
  const said: string[] = []
  inFlight.add(requestOf({ sendBy: 5000, answerBy: 8000 }, said))
  inFlight.add(requestOf({ sendBy: 300, answerBy: 8000 }, said))

  clock.increment(300)
  t.same(said, ['connect timeout'])
  clock.increment(4700)

  t.same(said, ['connect timeout', 'connect timeout'])
})

t.test('requests that are answered in time share a few timers', async (t) => {
  const clock = new StandingTime()
  const inFlight = new InFlightRequests(2, clock)
  for (let sent = 0; sent < 100; sent += 1) {
    const now = clock.now()
    const request = requestOf({ sendBy: now + 1000, answerBy: now + 8000 }, [])
    inFlight.add(request)
    request.onRequestStart(CONTROLLER)
    clock.increment(50)
    inFlight.remove(request)
  }

  t.ok(clock.started <= 12, `${clock.started} timers in 5 s`)
  t.ok(clock.pending <= 1)
  inFlight.close()
  t.equal(clock.pending, 0)
})

t.test('a request that undici does not release is aborted again every 10 ms', async (t) => {
  const clock = new StandingTime()
  const inFlight = new InFlightRequests(1, clock)
  let aborts = 0
  const request = requestOf({ sendBy: 10, answerBy: 100 }, [])
  inFlight.add(request)
  request.onRequestStart({ ...CONTROLLER, abort: () => void (aborts += 1) })

  clock.increment(10)
  clock.increment(89)
  t.equal(aborts, 0)
  clock.increment(1)
  t.equal(aborts, 1)
  clock.increment(10)
  t.equal(aborts, 2)
  inFlight.remove(request)
  clock.increment(10)

  t.equal(aborts, 2)
})

for (const [status, kib] of [
  [200, 8],
  [503, 64],
] as const) {
  t.test(`an answer ${status} of ${kib} KiB is read, and of one byte more it is not`, async (t) => {
    let aborts = 0
    const controller = { ...CONTROLLER, abort: () => void (aborts += 1) }
    const request = requestOf({ sendBy: 10, answerBy: 100 }, [])
    request.onRequestStart(controller)
    request.onResponseStart(controller, status, {})

    request.onResponseData(controller, Buffer.alloc(kib * 1024))
    t.equal(aborts, 0)
    request.onResponseData(controller, Buffer.alloc(1))

    t.equal(aborts, 1)
  })
}

t.test('ten interim answers are read, and one more ends the request', async (t) => {
  let aborts = 0
  const controller = { ...CONTROLLER, abort: () => void (aborts += 1) }
  const request = requestOf({ sendBy: 10, answerBy: 100 }, [])
  request.onRequestStart(controller)

  for (let count = 0; count < 10; count += 1) request.onResponseStart(controller, 103, {})
  t.equal(aborts, 0)
  request.onResponseStart(controller, 103, {})

  t.equal(aborts, 1)
})

t.test('the pages of a proxy take next to no memory', async (t) => {
  const ends: RequestEnd[] = []
  const plan = {
    isOwn: () => true,
    mayWrite: () => true,
    sendBy: 10,
    answerBy: 100,
    onReleased: () => undefined,
  }
  // The body of a 400 tells whose answer it is.
  const kept = [
    [404, 64],
    [400, 8192],
  ] as const
  for (const [status] of kept) {
    const request = new InFlightRequest({ ...plan, report: (end) => ends.push(end) })
    request.dispatched()
    request.onRequestStart(CONTROLLER)
    request.onResponseStart(CONTROLLER, status, {})

    for (let chunk = 0; chunk < 10; chunk += 1) {
      request.onResponseData(CONTROLLER, Buffer.alloc(4096, 'a'))
    }
    request.onResponseEnd()
  }

  t.same(
    ends,
    kept.map(([status, length]) => ({
      kind: 'answered',
      status,
      text: 'a'.repeat(length),
      isCached: false,
    })),
  )
})

const BUG = new Error('a planted bug')

const broken = (): never => {
  throw BUG
}

const BROKEN_CALLBACKS: Readonly<Record<string, (request: InFlightRequest) => void>> = {
  onRequestStart: (request) => request.onRequestStart(CONTROLLER),
  onResponseData: (request) =>
    request.onResponseData({ ...CONTROLLER, abort: broken }, Buffer.alloc(64 * 1024 + 1)),
  onResponseEnd: (request) => request.onResponseEnd(),
  onResponseError: (request) => request.onResponseError(CONTROLLER, new Error('reset')),
}

for (const [name, call] of Object.entries(BROKEN_CALLBACKS)) {
  t.test(`a bug in ${name} ends the process, and undici does not see it`, async (t) => {
    const plan = { isOwn: () => true, mayWrite: broken, report: broken, sendBy: 1, answerBy: 1 }
    const beforeRelease = new InFlightRequest({ ...plan, onReleased: broken })
    const beforeReport = new InFlightRequest({ ...plan, onReleased: () => undefined })

    for (const request of [beforeRelease, beforeReport]) {
      request.dispatched()
      t.same(
        crashesOf(() => call(request)),
        [BUG],
      )
    }
  })
}

t.test('a bug that undici reports as the end of a request ends the process', async (t) => {
  const said: string[] = []
  const request = requestOf({ sendBy: 1, answerBy: 1 }, said)
  const bugs = [new TypeError('x is not a function'), new errors.InvalidArgumentError('path')]

  t.same(
    crashesOf(() => bugs.forEach((bug) => request.fail(bug))),
    bugs,
  )
  t.same(said, [], 'and counts as no outage')
})

t.test('an assert of undici about what came over the wire is no bug here', async (t) => {
  const said: string[] = []
  const request = requestOf({ sendBy: 1, answerBy: 1 }, said)
  const failed = new AssertionError({ message: 'upgrade' })
  request.onRequestStart(CONTROLLER)

  t.same(
    crashesOf(() => request.onResponseError(CONTROLLER, failed)),
    [],
  )
  t.same(said, ['ERR_ASSERTION'])
})

t.test('a request that is not in the table is not removed from it', async (t) => {
  const inFlight = new InFlightRequests(1, new StandingTime())
  const request = requestOf({ sendBy: 1, answerBy: 1 }, [])

  t.throws(() => inFlight.remove(request), /what is removed is in flight/)
  t.equal(inFlight.isFull(), false)
})
