// `pit find` over a real database, and what its command line takes.

import t from 'tap'
import { UsageError, exitCodeOf } from '../../src/operator/failures.ts'
import { readFindOptions, runFind } from '../../src/operator/find-command.ts'
import { openPaymentFinder } from '../../src/infra/postgres/payment-finder.ts'
import { jsonLine, tableLine } from '../../src/operator/payment-lines.ts'
import { uuid } from '../contracts/ledger-words.ts'
import { NOW, payment, startArchived } from '../support/archive.ts'
import { startPostgres } from '../support/postgres.ts'

const postgres = await startPostgres(t)

t.test('payments are listed as a table, as CSV and as JSON, and what is cut goes on', async (t) => {
  const { settle, url } = await startArchived(t, postgres)
  await settle([payment(1, 3_000), payment(2, 2_000, { amountCents: 5 }), payment(3, 1_000)])
  const finder = openPaymentFinder({ connectionString: url, applicationName: 'spec' })
  t.teardown(() => finder.close())
  const run = async (...args: readonly string[]) => {
    const [out, notes]: [string[], string[]] = [[], []]
    const write = (text: string): void => void out.push(text)
    const note = (line: string): void => void notes.push(line)
    const options = readFindOptions(args)
    t.ok(options)
    const code =
      options && (await runFind(options, { finder, write, note, progress: () => undefined }))
    return { code, text: out.join(''), notes: notes.join('\n') }
  }

  const table = await run()
  t.match(table, { code: 0, notes: '' })
  const at = (ageMs: number): string => new Date(NOW - ageMs).toISOString()
  t.match(table.text.split('\n'), [
    /^id +amount/,
    new RegExp(`^${uuid(3)} +19\\.90 +settled +${at(1_000)} +1 +default$`),
    new RegExp(`^${uuid(2)} +0\\.05 +settled`),
    new RegExp(`^${uuid(1)}`),
    '',
  ])

  const first = await run('--csv', '--limit', '2')
  t.equal(first.text.split('\n').length, 4)
  const [, cursor = ''] = /--cursor (\S+) goes on/.exec(first.notes) ?? []
  const rest = await run('--json', '--cursor', cursor)
  t.match(JSON.parse(rest.text), { id: uuid(1), amount: '19.90', requested_at: at(3_000) })

  t.match(await run('--amount-max', '0.05', '--json'), { code: 0, text: new RegExp(uuid(2)) })
  t.match(await run('00000000-0000-4000-8000-000000000002'), { text: new RegExp(uuid(2)) })
  t.match(await run('f'), { code: 1, text: '', notes: 'no payment was found' })
})

t.test(
  'attempts of a payment that an instance works on are told as at least so many',
  async (t) => {
    const owned = { correlationId: uuid(1), amountCents: 5, state: 'owned', inDoubtAt: [] } as const
    const by = { ...owned, acceptedAt: NOW, ownedBy: 'pit-1' }

    t.match(tableLine(by), /Z {4}\? {2}pit-1$/)
    t.match(tableLine({ ...by, attempts: 2 }), /Z {3}2\+ {2}pit-1$/)
    t.match(tableLine({ ...by, state: 'settled', attempts: 2 }), /Z {4}2 {2}pit-1$/)
    t.notMatch(jsonLine(by), 'attempts')
  },
)

t.test('a command line that is wrong is refused in one sentence, before anything is asked', (t) => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['--state', 'retry'], /^--state takes parked/],
    [['--amount-min', 'x'], /^--amount-min takes an amount/],
    [['--older-than', '5'], /^--older-than takes a duration/],
    [['xyz'], /^an id takes a UUID/],
    [['4a', '4b'], /one id$/],
    [['--csv', '--json'], /not both/],
    [['--limit', '0'], /--limit/],
    [['--cursor', 'x'], /--cursor/],
    [['--amount', '1'], /Unknown option '--amount'/],
  ]
  for (const [args, message] of wrong)
    t.throws(() => readFindOptions(args), { message }, args.join(' '))
  t.throws(() => readFindOptions(['--state', 'x']), UsageError)
  t.equal(readFindOptions(['--help']), undefined)
  t.end()
})

t.test('a database that does not answer ends it with 3', async (t) => {
  const finder = openPaymentFinder({
    connectionString: 'postgres://127.0.0.1:1/none',
    applicationName: 'spec',
  })
  t.teardown(() => finder.close())
  const options = readFindOptions([])
  const ignore = (): void => undefined
  const tool = { finder, write: ignore, note: ignore, progress: ignore }

  t.equal(await exitCodeOf(async () => (options ? await runFind(options, tool) : 0), ignore), 3)
})
