import t from 'tap'
import type { ChildId } from '../../../src/actors/supervisor/children.ts'
import type { PaymentReceived } from '../../../src/actors/messages.ts'
import {
  supervisorMachine,
  type SupervisorEvent,
} from '../../../src/actors/supervisor/supervisor.machine.ts'
import { oneStep, stepped } from '../../support/chart-steps.ts'
import { sameWalks } from '../../support/same-walks.ts'

const INPUT = { recallAfterMs: 5000, deadlineMs: 10_000 }
const replyTo = (): void => undefined
const RECEIVED: PaymentReceived = {
  type: 'payment.received',
  correlationId: 'a',
  amountCents: 1990,
  replyTo,
}

function failure(id: ChildId): SupervisorEvent {
  return { type: `xstate.error.actor.${id}`, actorId: id, error: new Error('bug') }
}

/** The failure of each child. */
const FAILURES = {
  'processorHealth.default failed': failure('processorHealth.default'),
  'processorHealth.fallback failed': failure('processorHealth.fallback'),
  'persistence failed': failure('persistence'),
  'payments failed': failure('payments'),
  'retryQueue failed': failure('retryQueue'),
  'takeover failed': failure('takeover'),
  'strays failed': failure('strays'),
  'probing failed': failure('probing'),
  'commands failed': failure('commands'),
  'lease failed': failure('lease'),
} as const satisfies Readonly<Record<`${ChildId} failed`, SupervisorEvent>>

const EVENTS = {
  received: RECEIVED,
  requested: { type: 'payment.requested', correlationId: 'a', replyTo },
  summary: { type: 'summary.requested', window: {}, replyTo },
  purge: { type: 'purge.requested', replyTo },
  acquired: { type: 'lease.acquired', leaseId: 1 },
  lost: { type: 'lease.lost' },
  released: { type: 'lease.released' },
  emptied: { type: 'payments.emptied' },
  flushed: { type: 'persistence.flushed' },
  stop: { type: 'stop.requested', cause: 'SIGTERM' },
  recallDue: { type: 'recall.due' },
  deadline: { type: 'deadline.elapsed' },
  ...FAILURES,
} as const satisfies Readonly<Record<string, SupervisorEvent>>

type Name = keyof typeof EVENTS
type Row = Partial<Readonly<Record<Name, string>>>

const ACQUIRED = EVENTS.acquired
const DRAINING = [ACQUIRED, EVENTS.stop]
const FLUSHING = [...DRAINING, EVENTS.emptied]
const RELEASING = [...FLUSHING, EVENTS.flushed]

/** What holds in each state but the last; `*` stands for the state. */
const ANYWHERE: Row = {
  received: '* refuse',
  requested: '* askPayments',
  summary: '* askPersistence',
  purge: '* askPersistence',
  lost: '* dropAll',
  'retryQueue failed': '* restartChild',
  'takeover failed': '* restartChild',
  'strays failed': '* restartChild',
  'commands failed': '* restartChild',
  'probing failed': '* restartChild',
  'payments failed': 'stopped noteDrain noteStopped',
  'persistence failed': 'stopped noteDrain noteStopped',
  'lease failed': 'draining noteDrain startDrain',
  'processorHealth.default failed': 'draining noteDrain startDrain',
  'processorHealth.fallback failed': 'draining noteDrain startDrain',
}

const TABLE: readonly (readonly [readonly SupervisorEvent[], Row])[] = [
  [[], { ...ANYWHERE, acquired: 'accepting', stop: 'draining noteDrain startDrain' }],
  [[ACQUIRED], { ...ANYWHERE, received: '* commitPayment', stop: 'draining noteDrain startDrain' }],
  [
    DRAINING,
    {
      ...ANYWHERE,
      emptied: 'flushing flushPersistence',
      recallDue: '* recallPayments',
      deadline: 'stopped noteStopped',
    },
  ],
  [FLUSHING, { ...ANYWHERE, flushed: 'releasing releaseLease', deadline: 'stopped noteStopped' }],
  [RELEASING, { ...ANYWHERE, released: 'stopped noteStopped', deadline: 'stopped noteStopped' }],
]

function supervisor(restarts: 'allowed' | 'spent') {
  const ignore = (): void => undefined
  return supervisorMachine.provide({
    guards: { mayRestart: () => restarts === 'allowed' },
    actions: {
      startChildren: ignore,
      restartChild: ignore,
      commitPayment: ignore,
      askPersistence: ignore,
      askPayments: ignore,
      refuse: ignore,
      dropAll: ignore,
      noteDrain: ignore,
      startDrain: ignore,
      recallPayments: ignore,
      flushPersistence: ignore,
      releaseLease: ignore,
      noteStopped: ignore,
    },
  })
}

t.test('each event in each state does what its table says, and nothing else', async (t) => {
  const machine = supervisor('allowed')
  for (const [past, row] of TABLE) {
    const before = stepped(machine, INPUT, past)
    const { value } = before.snapshot
    for (const [name, event] of Object.entries(EVENTS)) {
      const { told } = oneStep(machine, before.snapshot, event)
      const expected = (row[name as Name] ?? '*').replace('*', value)
      t.equal(told, expected, `${value}: ${name}`)
    }
  }
  const states = TABLE.map(([past]) => stepped(machine, INPUT, past).snapshot.value)
  t.same(new Set([...states, 'stopped']), new Set(Object.keys(machine.states)))
})

t.test(
  'the supervisor starts its children first, and is ready only while it accepts',
  async (t) => {
    const machine = supervisor('allowed')

    t.equal(stepped(machine, INPUT).told, 'starting startChildren')
    const ready = TABLE.map(([past]) => stepped(machine, INPUT, past).snapshot)
      .filter((snapshot) => snapshot.hasTag('ready'))
      .map(({ value }) => value)
    t.same(ready, ['accepting'])
  },
)

t.test('a child that may not be restarted again drains the instance', async (t) => {
  const machine = supervisor('spent')
  const restarted = Object.entries(FAILURES).filter(
    ([name]) => ANYWHERE[name as keyof typeof FAILURES] === '* restartChild',
  )
  t.equal(restarted.length, 5)
  for (const [name, event] of restarted) {
    const { told } = stepped(machine, INPUT, [ACQUIRED, event])
    t.equal(told, 'draining noteDrain startDrain', name)
  }
})

t.test('a stopped supervisor is done', async (t) => {
  const { snapshot } = stepped(supervisor('allowed'), INPUT, [...RELEASING, EVENTS.released])

  t.same([snapshot.value, snapshot.status], ['stopped', 'done'])
})

t.test('the supervisor takes the same steps compiled as interpreted', async (t) => {
  for (const restarts of ['allowed', 'spent'] as const) {
    const events = Object.values(EVENTS)
    sameWalks(t, supervisor(restarts), { events, input: () => INPUT, walks: 80 })
  }
})
