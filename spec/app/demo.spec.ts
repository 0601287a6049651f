import t from 'tap'
import { startDemo, whyNoDemo } from '../../src/app/demo.ts'
import { readConfig } from '../../src/config/config.ts'
import type { BreakableSimulator, SendPayment } from '../../src/console/simulators.ts'
import { settled } from '../support/actor-system.ts'
import { ManualClock } from '../simulator/manual-clock.ts'

/** What was switched, in its order. */
function fakeSimulator(switched: string[], name: string): BreakableSimulator {
  return {
    switched: () => ({ delayMs: 0, failure: false, faults: { charge: [] } }),
    setDelay: (delayMs) => void switched.push(`${name} delay ${delayMs}`),
    setFailure: (failure) => void switched.push(`${name} failure ${failure}`),
    setFaults: ({ charge = [] }) => void switched.push(`${name} faults ${charge.length}`),
  }
}

function start(answer: SendPayment) {
  const clock = new ManualClock()
  const told: string[] = []
  const switched: string[] = []
  let sent = 0
  const stop = startDemo({
    clock,
    tell: (line) => void told.push(line),
    simulators: {
      default: fakeSimulator(switched, 'default'),
      fallback: fakeSimulator(switched, 'fallback'),
    },
    sendPayment: () => {
      sent += 1
      return answer()
    },
  })
  return { clock, told, switched, stop, sent: () => sent }
}

t.test(
  'the demo sends a trickle, and breaks and mends one processor after the other',
  async (t) => {
    const demo = start(() => Promise.resolve({ correlationId: 'a', status: 202 }))

    for (let second = 0; second < 100; second += 1) {
      demo.clock.advance(1_000)
      await settled()
    }

    t.equal(demo.sent(), 333)
    t.strictSame(demo.switched, [
      'default failure true',
      'default failure false',
      'default delay 2000',
      'default delay 0',
      'fallback failure true',
      'fallback failure false',
      'default faults 1',
      'default faults 0',
    ])
    t.match(demo.told, [
      /^demo: 3 payments a second, and every 25 s a processor breaks for 10 s$/,
      'demo: the default processor answers 500 from now on',
      'demo: the default processor is well again',
    ])
    t.equal(demo.told.length, 1 + 8)
    demo.stop()
  },
)

t.test('a demo that is stopped mends what is broken, and does nothing more', async (t) => {
  const demo = start(() => Promise.resolve({ correlationId: 'a', status: 202 }))
  demo.clock.advance(16_000)
  t.strictSame(demo.switched, ['default failure true'])
  const sent = demo.sent()

  demo.stop()
  demo.clock.advance(100_000)

  t.strictSame(demo.switched, ['default failure true', 'default failure false'])
  t.equal(demo.sent(), sent)
})

t.test('a demo says once that payments are not accepted, and waits for answers', async (t) => {
  let status = 503
  const refused = start(() => Promise.resolve({ correlationId: 'a', status }))
  for (let second = 0; second < 5; second += 1) {
    refused.clock.advance(1_000)
    await settled()
  }
  status = 202
  refused.clock.advance(1_000)
  await settled()
  t.strictSame(refused.told.slice(1), [
    'demo: a payment was answered 503',
    'demo: payments are accepted again',
  ])
  refused.stop()

  const silent = start(() => new Promise(() => undefined))
  silent.clock.advance(10_000)
  t.equal(silent.sent(), 10)
  silent.stop()
})

t.test('a demo needs simulators and a port, and says so', async (t) => {
  const real = { PROCESSOR_DEFAULT_URL: 'http://a', PROCESSOR_FALLBACK_URL: 'http://b' }

  t.equal(whyNoDemo(readConfig({})), undefined)
  t.match(whyNoDemo(readConfig(real)), /^--demo .*unset PROCESSOR_DEFAULT_URL/)
  t.match(whyNoDemo(readConfig({ LISTEN_SOCKET: '/run/pit.sock' })), /LISTEN_SOCKET is set$/)
})
