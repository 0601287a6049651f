import t from 'tap'
import { Flight } from '../../../src/infra/processor/in-flight-requests.ts'
import { Flights } from '../../../src/infra/processor/in-flight-requests.ts'
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

function flightOf(deadlines: Deadlines, said: string[]): Flight {
  const flight = new Flight({
    ...deadlines,
    mayWrite: () => true,
    report: (responder) =>
      void said.push('detail' in responder ? responder.detail : responder.kind),
    land: () => undefined,
  })
  flight.dispatched()
  return flight
}

t.test('a request that is not sent in time ends at its deadline', async (t) => {
  const clock = new StandingTime()
  const flights = new Flights(2, clock)
  const said: string[] = []
  flights.add(flightOf({ sendBy: 1000, answerBy: 8000 }, said))

  clock.increment(999)
  t.same(said, [])
  clock.increment(1)

  t.same(said, ['connect timeout'])
  t.equal(clock.pending, 0, 'and nothing is looked for any more')
})

t.test('an earlier deadline is met though a later one came first', async (t) => {
  const clock = new StandingTime()
  const flights = new Flights(2, clock)
  const said: string[] = []
  flights.add(flightOf({ sendBy: 5000, answerBy: 8000 }, said))
  flights.add(flightOf({ sendBy: 300, answerBy: 8000 }, said))

  clock.increment(300)
  t.same(said, ['connect timeout'])
  clock.increment(4700)

  t.same(said, ['connect timeout', 'connect timeout'])
})

t.test('requests that are answered in time cost a look now and then, no timer each', async (t) => {
  const clock = new StandingTime()
  const flights = new Flights(2, clock)
  for (let sent = 0; sent < 100; sent += 1) {
    const now = clock.now()
    const flight = flightOf({ sendBy: now + 1000, answerBy: now + 8000 }, [])
    flights.add(flight)
    flight.onRequestStart(CONTROLLER)
    clock.increment(50)
    flights.remove(flight)
  }

  t.ok(clock.started <= 12, `${clock.started} timers in 5 s`)
  t.ok(clock.pending <= 1)
  flights.close()
  t.equal(clock.pending, 0)
})

t.test('what its end does not let go of is asked again every 10 ms', async (t) => {
  const clock = new StandingTime()
  const flights = new Flights(1, clock)
  let aborts = 0
  const flight = flightOf({ sendBy: 10, answerBy: 100 }, [])
  flights.add(flight)
  flight.onRequestStart({ ...CONTROLLER, abort: () => void (aborts += 1) })

  clock.increment(10)
  clock.increment(89)
  t.equal(aborts, 0)
  clock.increment(1)
  t.equal(aborts, 1)
  clock.increment(10)
  t.equal(aborts, 2)
  flights.remove(flight)
  clock.increment(10)

  t.equal(aborts, 2)
})
