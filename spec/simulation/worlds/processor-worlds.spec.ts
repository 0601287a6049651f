// Processors, and proxies in front of them, that answer what no contract has: nothing is lost, nothing
// is paid twice, and what is not in doubt goes on at whoever works.

import t from 'tap'
import {
  allGet,
  answersShift,
  bothBehave,
  chargesGet,
  defaultBehaves,
  defaultBehavesForGood,
  defaultHasOthers,
  defaultHasOthersAndResets,
  doubtsAtBoth,
  page,
  placesFor,
  recordedAndHidden,
} from './fixed.ts'
import { holdsIn, runWorld } from './hold.ts'
import { runSeed } from '../seeds.ts'
import { describeReply, type Reply } from './http-ends.ts'

for (const status of [401, 403, 404, 405]) {
  holdsIn(
    `no payment is lost while a proxy before both processors answers everything with ${status}`,
    bothBehave(allGet(page(status))),
  )
}

for (const status of [301, 307, 401, 403, 404, 405, 407, 410, 421, 426, 431, 451, 501, 505]) {
  holdsIn(
    `payments go on at fallback while a proxy answers everything for default with ${status}`,
    defaultBehavesForGood(allGet(page(status))),
    2,
  )
}

holdsIn(
  'payments go on at fallback while default refuses each of them with 400',
  defaultBehavesForGood(chargesGet(page(400))),
)

holdsIn(
  'payments go on at fallback while default answers each of them with 422 and has none',
  defaultBehavesForGood(chargesGet({ kind: 'answer', status: 422, body: 'none' })),
)

holdsIn(
  'payments go on at fallback while the name of default does not resolve',
  defaultBehavesForGood(allGet({ kind: 'unreachable', hangs: true })),
)

holdsIn(
  'payments go on at fallback while default answers no charge and has none',
  defaultBehavesForGood(chargesGet({ kind: 'silence' })),
)

holdsIn(
  'nothing is paid twice while look-ups at default get the answers to the ones before them',
  answersShift,
  20,
)

const UNCERTAIN: readonly Reply[] = [
  ...[408, 409, 425, 500, 502, 503, 504, 520, 524, 599].map(page),
  ...(['none', 'otherJson', 'html', 'cut', 'dripping', 'huge'] as const).map((body): Reply => {
    return { kind: 'answer', status: 200, body }
  }),
  { kind: 'reset' },
  { kind: 'silence' },
]

for (const reply of UNCERTAIN) {
  const which = describeReply(reply)
  holdsIn(
    `charges that are recorded and ${which} are paid once while look-ups get a foreign 404`,
    defaultBehaves(recordedAndHidden(reply, page(404))),
    2,
  )
}

for (const body of ['none', 'otherJson', 'html', 'cut'] as const) {
  const reply: Reply = { kind: 'answer', status: 200, body }
  holdsIn(
    `charges that are not recorded and ${describeReply(reply)} are not settled by it`,
    defaultBehaves(chargesGet(reply)),
    2,
  )
}

for (const lie of ['amount', 'id', 'instant'] as const) {
  const charge = { share: 0.7, delayMs: [0, 20], records: 'not', afterMs: [0, 0] } as const
  const contract = { share: 1, delayMs: [0, 20], lie } as const
  holdsIn(
    `a look-up that tells another ${lie} settles nothing`,
    defaultBehaves({
      charge: { ...charge, reply: { kind: 'reset' } },
      lookUp: { ...contract, reply: { kind: 'answer', status: 200, body: 'contract' } },
      probe: null,
    }),
  )
}

t.test('what default has with another amount is not booked, and is told of', async (t) => {
  const numbers = [1, 2, 3, 4, 5]
  for (const { seed, violations, contradicted } of await runWorld(defaultHasOthers(numbers), 5)) {
    t.same(violations, [], `seed ${seed}`)
    t.ok(contradicted.length > 0, `seed ${seed}: ${contradicted.join()}`)
  }
})

t.test('doubts that cannot end at default leave places for look-ups at fallback', async (t) => {
  for (const confirmingMax of [1, 2, 6]) {
    const settings = placesFor(confirmingMax)
    for (let seed = 1; seed <= 3; seed += 1) {
      const { violations } = await runSeed({ seed, planted: { settings, plan: doubtsAtBoth } })
      t.same(violations, [], `seed ${seed}, ${confirmingMax} places`)
    }
  }
})

t.test('payments that default contradicts for good leave places for others there', async (t) => {
  const plan = defaultHasOthersAndResets([1, 2, 3, 4, 5])
  for (const confirmingMax of [2, 4]) {
    const settings = placesFor(confirmingMax)
    for (let seed = 1; seed <= 3; seed += 1) {
      const { violations } = await runSeed({ seed, planted: { settings, plan } })
      t.same(violations, [], `seed ${seed}, ${confirmingMax} places`)
    }
  }
})
