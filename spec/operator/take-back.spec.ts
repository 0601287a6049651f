import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { START, serveBooks, startOperatorBooks } from '../support/operator-books.ts'
import { startPostgres } from '../support/postgres.ts'

const postgres = await startPostgres(t)

const FORGET = `
  WITH gone AS (DELETE FROM payments WHERE correlation_id = $1 RETURNING *)
  UPDATE settled_totals s SET payments = s.payments - 1, cents = s.cents - gone.amount_cents
  FROM gone WHERE s.processor = gone.processor`

t.test('what the ledger lost is named by its instant, and taken back by its id', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const kept = await world.pay({ requestedAt: START })
  const lost = await world.pay({ requestedAt: START + 7 })
  const there = await world.pay({ processor: 'fallback', requestedAt: START + 9, amountCents: 700 })
  for (const id of [lost, there]) await world.sql(FORGET, [id])
  const nowhere = randomUUID()
  const file = join(t.testdir(), 'ids')
  await writeFile(file, [kept, lost, there, nowhere].join('\n'))

  const named = await world.reconcile([])
  t.equal(named.code, 1)
  t.match(named.said, '2026-03-01T10:00:00.007Z: Pit has -1 payment, -19.90')

  t.match(await world.reconcile(['--take-back', file]), { code: 2, said: /--yes confirms/ })
  const taken = await world.reconcile(['--take-back', file, '--yes'])
  t.equal(taken.code, 0)
  t.match(taken.said, '4 ids: Pit knows 1')
  t.match(taken.said, '2 payments lost, 26.90 in all')
  t.match(taken.said, '2 of 2 payments taken back')
  t.same(taken.said.match(/\S+(?= is in no book)/g), [nowhere])
  t.match(await world.reconcile([]), { code: 0 }, 'rows, totals and processors are equal')

  const again = await world.reconcile(['--take-back', file, '--yes'])
  t.match(again.said, '4 ids: Pit knows 3')
  t.match(again.said, '0 payments lost')
  t.match(await world.reconcile([]), { code: 0 })
})

t.test('what may be in flight, and what both processors have, is left alone', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const [young, twice] = [randomUUID(), randomUUID()]
  await world.charge({ correlationId: young, requestedAt: Date.now() })
  await world.charge({ correlationId: twice, requestedAt: START })
  await world.charge({ correlationId: twice, processor: 'fallback', requestedAt: START })
  const file = join(t.testdir(), 'ids')
  await writeFile(file, `${young}\n\n${twice}\n`)

  const { code, said } = await world.reconcile(['--take-back', file, '--yes'])

  t.equal(code, 1)
  t.match(said, `${young} was requested`)
  t.match(said, `${twice} is recorded at both processors`)
  t.match(said, '0 payments lost')
  t.notMatch(said, 'in no book')
})

t.test(
  'what is taken back is asked for at a terminal, and nothing changes without a yes',
  async (t) => {
    const world = await startOperatorBooks(t, postgres)
    const lost = await world.pay({ requestedAt: START })
    await world.sql(FORGET, [lost])
    const file = join(t.testdir(), 'ids')
    await writeFile(file, lost)
    const questions: string[] = []
    const saying = (answer: boolean) => (question: string) => {
      questions.push(question)
      return Promise.resolve(answer)
    }

    const no = await world.reconcile(['--take-back', file], {}, saying(false))
    t.match(no, { code: 1, said: /nothing was changed\n$/ })
    t.match(await world.reconcile([]), { code: 1 })
    const yes = await world.reconcile(['--take-back', file], {}, saying(true))

    t.match(yes, { code: 0, said: /1 of 1 payment taken back/ })
    t.same(questions, ['book 1 payment as settled?', 'book 1 payment as settled?'])
    t.match(await world.reconcile([]), { code: 0 })
  },
)

t.test('more payments than one transaction takes are taken back, each once', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const [cut, ...ids] = Array.from({ length: 1_002 }, () => randomUUID())
  const recorded = new Map<string, number>(ids.map((id) => [id, 19.9]))
  if (cut !== undefined) recorded.set(cut, 19.899)
  const url = await serveBooks(t, {
    total: () => '{"totalRequests":0,"totalAmount":0}',
    find: (id) => {
      const amount = recorded.get(id)
      const requestedAt = new Date(START).toISOString()
      const body = amount === undefined ? undefined : JSON.stringify({ amount, requestedAt })
      return Promise.resolve(body)
    },
  })
  const file = join(t.testdir(), 'ids')
  await writeFile(file, [cut, ...ids, ...ids.slice(0, 10)].map((id) => ` ${id}\r\n`).join(''))
  const processors = { default: url, fallback: world.simulators.fallback.url }
  const args = ['--take-back', file, '--yes', '--per-second', '99999']

  const { code, said } = await world.reconcile(args, { processors })

  t.equal(code, 1)
  t.match(said, '1002 ids: Pit knows 0\n')
  t.match(said, `${cut} has fractions of a cent; it is left alone\n`)
  t.match(said, '1001 payments lost, 19919.90 in all\n1001 of 1001 payments taken back\n')
  t.match(await world.sql('SELECT payments, cents FROM settled_totals WHERE level = 3'), [
    { payments: '1001', cents: '1991990' },
  ])
  t.match((await world.reconcile(args, { processors })).said, '1002 ids: Pit knows 1001\n')
})

t.test('how long a charge may be in flight can be said', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const [young, older] = [randomUUID(), randomUUID()]
  await world.charge({ correlationId: young, requestedAt: Date.now() })
  await world.charge({ correlationId: older, requestedAt: Date.now() - 700_000 })
  const file = join(t.testdir(), 'ids')
  await writeFile(file, `${young}\n${older}\n`)

  const { code, said } = await world.reconcile(['--take-back', file, '--yes', '--in-flight', '600'])

  t.equal(code, 1)
  t.match(said, `${young} was requested`)
  t.match(said, '1 of 1 payment taken back')
})

t.test('a file that cannot be read, and a line that is no id, are refused', async (t) => {
  const world = await startOperatorBooks(t, postgres)
  const file = join(t.testdir(), 'ids')

  t.match(await world.reconcile(['--take-back', file, '--yes']), { code: 2, said: /cannot read/ })
  await writeFile(file, 'no id')
  t.match(await world.reconcile(['--take-back', file, '--yes']), { code: 2, said: /a UUID/ })
})
