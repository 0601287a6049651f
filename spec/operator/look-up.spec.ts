// Payments in doubt that wait are made due, and nothing else about them.

import t, { type Test } from 'tap'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { EXIT_DIFFERENT, EXIT_FINE, UsageError } from '../../src/operator/failures.ts'
import {
  readLookUpOptions,
  runLookUp,
  type LookUpTool,
} from '../../src/operator/look-up-command.ts'
import { openTables } from '../../src/operator/pit-books.ts'
import { DELAYS, acceptMany, idsOf, lease, parked } from '../contracts/ledger-words.ts'
import { rejected, settled, uuid } from '../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../support/postgres.ts'

const postgres = await startPostgres(t)

const LONG_MS = 600_000

/**
 * Parked: 1 in doubt at both, 2 at default, 3 at fallback, 4 in no doubt; 5 is owned, 6 settled, 7
 * rejected.
 */
async function start(t: Test) {
  const connectionString = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  const pool = openTables(connectionString)
  t.teardown(() => Promise.all([ledger.close(), pool.close()]))
  const mine = await lease(ledger)
  await acceptMany(ledger, { ...mine, count: 7 })
  const inDoubt = (n: number, ...processors: ('default' | 'fallback')[]) => {
    const unknownOutcomes = processors.map((processor) => {
      return { processor, requestedAt: 1_000, remainingMs: LONG_MS }
    })
    return parked(n, { delayMs: LONG_MS / 2, unknownOutcomes })
  }
  const open = [inDoubt(1, 'default', 'fallback'), inDoubt(2, 'default'), inDoubt(3, 'fallback')]
  await ledger.record([...open, inDoubt(4), settled(6), rejected(7)], mine)
  const runAt = async (confirm: LookUpTool['confirm'], ...args: readonly string[]) => {
    let said = ''
    const options = readLookUpOptions(args)
    if (options === undefined) throw new Error('help is not run')
    const write = (text: string): void => void (said += text)
    const code = await runLookUp(options, { pool, write, confirm })
    return { code, said }
  }
  return {
    runAt,
    run: (...args: readonly string[]) => runAt(undefined, ...args),
    sql: (text: string) => runSql(connectionString, text),
    claimed: () => ledger.claimDue({ ...mine, limit: 10, ...DELAYS }),
  }
}

t.test('a payment in doubt is due at once, and its deadline is as it was', async (t) => {
  const { run, sql, claimed } = await start(t)
  const deadline = `SELECT default_doubt_until_ms FROM payments WHERE correlation_id = '${uuid(2)}'`
  const before = await sql(deadline)

  t.match(await run(uuid(2)), { code: EXIT_FINE, said: `${uuid(2)} is due: ` })

  t.same(await sql(deadline), before)
  const claims = await claimed()
  t.same(idsOf(claims), [uuid(2)])
  t.match(claims, [{ fencingToken: 1, unknownOutcomes: [{ processor: 'default' }] }])
})

t.test('what is not parked in doubt stays as it is, and is named', async (t) => {
  const { run, claimed, sql } = await start(t)

  for (const [n, why] of [
    [4, 'is not in doubt; nothing was changed'],
    [5, 'is in the hands of an instance'],
    [6, 'is settled; nothing was changed'],
    [7, 'is rejected; nothing was changed'],
    [8, 'is not known; nothing was changed'],
  ] as const) {
    t.match(await run(uuid(n)), { code: EXIT_DIFFERENT, said: `${uuid(n)} ${why}` })
  }

  t.same(await claimed(), [])
  const commands = await sql('SELECT result FROM commands')
  t.same(
    commands,
    Array.from({ length: 5 }, () => ({
      result: { 'the command itself': { payments: 1, due: 0 } },
    })),
  )
})

t.test('all in doubt at a processor are counted, asked about, and due in turn', async (t) => {
  const { run, runAt, sql, claimed } = await start(t)
  const questions: string[] = []
  const saying = (answer: boolean) => async (question: string) => {
    questions.push(question)
    return answer
  }

  await t.rejects(run('--processor', 'default'), UsageError)
  t.match(await runAt(saying(false), '--all'), {
    code: EXIT_DIFFERENT,
    said: '3 payments in doubt, parked and not yet due\nnothing was changed\n',
  })
  t.same(await sql('SELECT FROM commands'), [])
  const args = ['--processor', 'default', '--reason', 'its books are back', '--per-second', '1']
  t.match(await runAt(saying(true), ...args), {
    code: EXIT_FINE,
    said: '2 of 2 payments due within 1 s\n',
  })

  t.same(questions, ['look up 3 payments, 100 a second?', 'look up 2 payments, 1 a second?'])
  const ids = `correlation_id IN ('${uuid(1)}', '${uuid(2)}')`
  const spread = `SELECT extract(epoch FROM max(due_at) - min(due_at))::int AS seconds,
    (SELECT count(*)::int FROM payments WHERE due_at > now() + interval '1 minute') AS others
    FROM payments WHERE ${ids}`
  t.same(await sql(spread), [{ seconds: 1, others: 2 }])
  t.match(await sql('SELECT kind, payload, reason, result FROM commands'), [
    {
      kind: 'lookUp',
      payload: { about: '--processor default', payments: 2, perSecond: 1 },
      reason: 'its books are back',
      result: { 'the command itself': { payments: 2, due: 2 } },
    },
  ])
  t.equal((await claimed()).length, 1)
})

t.test('a command names the payments it is about, or says how many they are', async (t) => {
  const about = (count: number) => {
    return readLookUpOptions(Array.from({ length: count }, (_, n) => uuid(n + 1)))?.about
  }

  t.equal(about(2), `${uuid(1)} ${uuid(2)}`)
  t.equal(about(101), '101 ids')
})

t.test('a wrong command line throws', async (t) => {
  for (const wrong of [
    [],
    ['x'],
    [uuid(1), '--all'],
    ['--all', '--processor', 'default'],
    ['--processor', 'third'],
    ['--all', '--per-second', '0'],
    ['--nosuch'],
  ]) {
    t.throws(() => readLookUpOptions(wrong), UsageError, wrong.join(' '))
  }
})
