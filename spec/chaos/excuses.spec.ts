// What is excused of the faults that a chaos run finds.

import t from 'tap'
import { Oracle } from '../simulation/worlds/oracle.ts'
import { findPaymentFaults } from './books.ts'
import { describeExcuses, excuse } from './excuses.ts'
import type { PitPayment, Recorded } from './ledgers.ts'

const AT = Date.parse('2026-03-01T10:00:00.000Z')
const payment = (correlationId: string, amountCents = 100): Recorded => ({
  correlationId,
  amountCents,
  requestedAt: AT,
})
const settled: PitPayment = {
  state: 'settled',
  amountCents: 100,
  processor: 'fallback',
  requestedAt: AT,
}
const posted = { amountCents: 100, atMs: 1000, accepted: true }

/** `a` and `b` are paid twice, `c` is right. */
const BOOKS = {
  posted: new Map(['a', 'b', 'c'].map((id) => [id, posted])),
  ledgers: {
    default: [payment('a'), payment('b')],
    fallback: [payment('a'), payment('b'), payment('c')],
  },
  pit: new Map(['a', 'b', 'c'].map((id) => [id, settled])),
}

t.test('a payment that is paid twice is excused only where its own charges were', async (t) => {
  const oracle = new Oracle('fair')
  oracle.goesBeyond('a', 'recorded though it was refused')
  oracle.goesBeyond('c', 'recorded after a 500')
  const all = findPaymentFaults(BOOKS)

  const judged = excuse(all, BOOKS, oracle)

  const ids = new Set(judged.faults.map(({ correlationId }) => correlationId))
  t.strictSame([...ids], ['b'])
  t.ok(judged.faults.some(({ kind }) => kind === 'paidTwice'))
  t.strictSame(judged.excused, {
    'recorded though it was refused': { payments: 1, atFault: 1 },
    'recorded after a 500': { payments: 1, atFault: 0 },
  })
  t.match(describeExcuses(judged), /1 recorded though it was refused \(1 at fault\)/)
})

t.test('windows are compared without what is excused and with all else', async (t) => {
  const oracle = new Oracle('fair')
  oracle.goesBeyond('a', 'recorded though it was refused')

  const { ledgers } = excuse(findPaymentFaults(BOOKS), BOOKS, oracle)

  t.strictSame(ledgers.default, [payment('b')])
  t.strictSame(new Set(ledgers.fallback), new Set(BOOKS.ledgers.fallback))
})

t.test('an amount that nobody posted has no excuse', async (t) => {
  const oracle = new Oracle('fair')
  oracle.goesBeyond('a', 'recorded though it was refused')
  const ledgers = { default: [payment('a', 101)], fallback: [] }
  const books = { ...BOOKS, posted: new Map([['a', posted]]), ledgers, pit: new Map() }

  const { faults } = excuse(findPaymentFaults(books), books, oracle)

  t.match(faults, [{ kind: 'stranger', correlationId: 'a' }])
})

t.test('a rejected payment is lost unless both processors refused it with 400', async (t) => {
  const rejected: PitPayment = { ...settled, state: 'rejected', processor: undefined }
  const books = {
    posted: new Map(['a', 'b'].map((id) => [id, posted])),
    ledgers: { default: [], fallback: [] },
    pit: new Map(['a', 'b'].map((id) => [id, rejected])),
  }
  const oracle = new Oracle('fair')
  const refused = { kind: 'answered', status: 400, text: '' } as const
  for (const id of ['a', 'b']) oracle.onEnded('default', id, refused)
  oracle.onEnded('fallback', 'a', refused)

  const { faults, refusedByBoth } = excuse(findPaymentFaults(books), books, oracle)

  t.match(faults, [{ kind: 'lost', correlationId: 'b' }])
  t.equal(refusedByBoth, 1)
})
