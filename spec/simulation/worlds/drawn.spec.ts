// The space of drawn worlds: all of it is drawn, one seed gives one world, and the oracle reads the
// ends of requests by the contract.

import t from 'tap'
import { Chance } from '../chance.ts'
import { drawPlan } from '../plan.ts'
import { drawSettings } from '../settings.ts'
import { describeWorld, drawWorld } from './faults.ts'
import { drawReply, type HttpEnd, meaningOf, SETTLED_TEXT } from './http-ends.ts'
import { Oracle } from './oracle.ts'

const DRAWS = 20_000

t.test('each status from 100 to 599 is drawn, and each body', async (t) => {
  const chance = new Chance(1)
  const replies = Array.from({ length: DRAWS }, () => drawReply(chance))
  const answers = replies.flatMap((each) => (each.kind === 'answer' ? [each] : []))

  t.equal(new Set(answers.map(({ status }) => status)).size, 500)
  t.equal(new Set(answers.map(({ body }) => body)).size, 7)
  t.equal(new Set(replies.map(({ kind }) => kind)).size, 4)
})

t.test('a seed draws one world, in a few lines', async (t) => {
  const draw = (seed: number): readonly string[] => {
    const chance = new Chance(seed)
    const settings = drawSettings(chance)
    const { instances, payments } = drawPlan(chance, settings)
    return describeWorld(drawWorld({ chance, settings, instances, payments: payments.length }))
  }
  const worlds = Array.from({ length: 300 }, (_, seed) => draw(seed))

  t.same(draw(7), worlds[7])
  t.ok(worlds.every(({ length }) => length >= 1 && length <= 8))
  const all = worlds.flat().join('\n')
  const parts = [
    'default: ',
    'fallback: ',
    'default and fallback: ',
    'in the end ',
    'has p',
    'PostgreSQL: ',
    "PostgreSQL's clock steps by -",
    "PostgreSQL's clock runs at",
    'is suspended',
    'the clock of place',
    'Redis: ',
    'Redis has',
  ]
  for (const what of parts) {
    t.match(all, what)
  }
})

t.test('an end says of a payment what the contract says', async (t) => {
  const answered = (status: number, text = ''): HttpEnd => ({ kind: 'answered', status, text })

  t.equal(meaningOf(answered(200, SETTLED_TEXT)), 'settled')
  t.equal(meaningOf(answered(422)), 'known')
  t.equal(meaningOf(answered(400)), 'badRequest')
  t.equal(meaningOf(answered(400, '{"title":"Bad Request"}')), 'badRequest')
  t.equal(meaningOf(answered(400, '<h1>Bad Request</h1>')), 'notDone')
  for (const status of [301, 401, 403, 404, 405, 407, 410, 421, 426, 429, 431, 451, 501, 505]) {
    t.equal(meaningOf(answered(status)), 'notDone', `${status}`)
  }
  for (const status of [100, 201, 204, 408, 409, 425, 500, 502, 503, 504, 520, 599]) {
    t.equal(meaningOf(answered(status)), 'mayBeDone', `${status}`)
  }
  t.equal(meaningOf(answered(200, '{"status":"maintenance"}')), 'mayBeDone')
  t.equal(meaningOf(answered(418)), 'unsaid')
  t.equal(meaningOf({ kind: 'lost', detail: 'timeout' }), 'mayBeDone')
  t.equal(meaningOf({ kind: 'unsent', detail: 'ECONNREFUSED' }), 'notDone')
})

t.test('a payment may be rejected once both processors answered it with 400', async (t) => {
  const oracle = new Oracle('fair')
  const refused: HttpEnd = { kind: 'answered', status: 400, text: '' }

  oracle.onEnded('default', 'one', refused)
  const byOne = oracle.mayBeRejected('one')
  oracle.onEnded('fallback', 'one', refused)

  t.notOk(byOne)
  t.ok(oracle.mayBeRejected('one'))
})

t.test('a payment is in doubt where a charge was sent and not refused', async (t) => {
  const oracle = new Oracle('fair')

  oracle.onSent('default', 'one')
  const sent = oracle.isInDoubtAt('default', 'one')
  oracle.onEnded('default', 'one', { kind: 'answered', status: 404, text: '' })

  t.ok(sent)
  t.notOk(oracle.isInDoubtAt('default', 'one'))
})

t.test('what is handed over while a charge is out stays in doubt', async (t) => {
  const oracle = new Oracle('fair')
  const refused = { kind: 'answered', status: 404, text: '' } as const
  for (const id of ['one', 'other']) oracle.onSent('fallback', id)
  oracle.onEnded('fallback', 'other', refused)

  for (const id of ['one', 'other']) oracle.onHandedOver(id)
  oracle.onEnded('fallback', 'one', refused)

  t.ok(oracle.isInDoubtAt('fallback', 'one'))
  t.notOk(oracle.isInDoubtAt('default', 'one'))
  t.notOk(oracle.isInDoubtAt('fallback', 'other'))
})
