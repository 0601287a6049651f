import pg from 'pg'
import t, { type Test } from 'tap'
import { waitUntil } from '../../bench/layout/wait.ts'
import { describeCommand } from '../../src/cli/command-text.ts'
import { createPostgresLedger } from '../../src/infra/postgres/ledger.ts'
import { BooksUnreachable, UsageError, exitCodeOf } from '../../src/operator/failures.ts'
import {
  readRejectedOptions,
  runRejected,
  type RejectedTool,
} from '../../src/operator/rejected-command.ts'
import { openTables } from '../../src/operator/pit-books.ts'
import { DELAYS, acceptMany, lease, rejected, settled, uuid } from '../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../support/postgres.ts'
import { CLI, runPit } from '../support/system-process.ts'

const postgres = await startPostgres(t)

t.test('rejected payments are listed, and one is redriven and settles', async (t) => {
  const connectionString = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  const pool = openTables(connectionString)
  t.teardown(() => Promise.all([ledger.close(), pool.close()]))
  let said = ''
  const tool = { pool, write: (text: string) => void (said += text), confirm: undefined }
  const run = async (...args: string[]): Promise<number> => {
    said = ''
    const options = readRejectedOptions(args)
    return options.kind === 'help' ? 0 : await runRejected(options, tool)
  }
  t.equal(await run(), 0)
  t.match(said, 'no payment is rejected')
  const held = await lease(ledger)
  await acceptMany(ledger, { ...held, count: 3 })
  await ledger.record([rejected(1), settled(2)], held)

  t.equal(await run(), 0)
  t.match(said, new RegExp(`^${uuid(1)} +19\\.90  accepted .*  fallback: http\n$`))

  t.equal(await run('--redrive', uuid(2)), 1, 'a settled one is left alone')
  t.match(said, 'settled; nothing was changed')
  t.equal(await run('--redrive', uuid(3)), 1, 'an open one is left alone')
  t.match(said, 'still being worked on')
  t.equal(await run('--redrive', uuid(4)), 1, 'an unknown one is left alone')
  t.strictSame(
    await ledger.claimDue({ ...held, limit: 10, ...DELAYS }),
    [],
    'nothing was parked so far',
  )

  t.equal(await run('--redrive', uuid(1)), 0)
  t.match(said, 'is parked and due')
  t.match(await ledger.claimDue({ ...held, limit: 10, ...DELAYS }), [
    { correlationId: uuid(1), fencingToken: 2, rounds: 0, unknownOutcomes: [], amountCents: 1_990 },
  ])
  t.equal(await run('--redrive', uuid(1)), 1, 'a second time it is open')
})

t.test('the second of two redrives at once finds the payment open', async (t) => {
  const connectionString = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  const pool = openTables(connectionString)
  const first = new pg.Client({ connectionString })
  await first.connect()
  t.teardown(() => Promise.all([ledger.close(), pool.close(), first.end()]))
  const held = await lease(ledger)
  await acceptMany(ledger, { ...held, count: 1 })
  await ledger.record([rejected(1)], held)
  let said = ''
  const tool = { pool, write: (text: string) => void (said += text), confirm: undefined }

  // The first one has its row and has not committed while the second one runs.
  await first.query('BEGIN')
  await first.query('UPDATE payments SET state = 0, owner = NULL, due_at = now() WHERE state = 2')
  const second = runRejected(redriveOf('--redrive', uuid(1)), tool)
  await waitUntil({ what: 'the second one waits for the row', withinMs: 20_000 }, async () => {
    const waits = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`
    return (await runSql(connectionString, waits)).length === 1
  })
  await first.query('COMMIT')

  t.equal(await second, 1)
  t.match(said, 'still being worked on')
})

t.test('rejected payments are redriven by window, processor, answer, or all', async (t) => {
  const world = await startRejected(t)
  const all = [1, 2, 3, 4, 5, 6]
  await world.reject([1, 2], { outcome: 'denied', processor: 'default', detail: 'http 400' })
  await world.reject([3], { outcome: 'denied', processor: 'fallback', detail: 'http 400' })
  await world.reject([4, 5], { outcome: 'rejected', processor: 'default', detail: 'http 422' })
  await world.reject([6], undefined)
  await world.accept(2, '2026-01-31T12:00:00.0009Z')
  const window = ['--from', '2026-01-31T12:00:00Z', '--to', '2026-01-31T12:00:00Z']

  for (const [filter, chosen] of [
    [window, [2]],
    [['--processor', 'fallback'], [3]],
    [['--processor', 'default', ...window], [2]],
    [
      ['--status', 'http 422'],
      [4, 5],
    ],
    [
      ['--status', '400'],
      [1, 2, 3],
    ],
    [
      ['--status', '400', '--processor', 'default'],
      [1, 2],
    ],
    [['--status', '422', '--processor', 'fallback'], []],
    [['--all'], all],
  ] as const) {
    const { code, said } = await world.run('--redrive', '--yes', ...filter)
    t.equal(code, 0, said)
    t.strictSame(await world.parked(), chosen.map(uuid), filter.join(' '))
    await world.rejectAgain(chosen)
  }
  t.match((await world.run('--status', '422')).said, new RegExp(`${uuid(4)}.*default: http 422`))
  t.strictSame(await world.parked(), [], 'a list changes nothing')
})

t.test('a redrive by filter says how many and asks, and without a terminal refuses', async (t) => {
  const world = await startRejected(t)
  await world.reject([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], undefined)
  const questions: string[] = []
  const confirm = (answer: boolean) => async (question: string) => {
    questions.push(question)
    return answer
  }

  const alone = await world.run('--redrive', '--all')
  const declined = await world.runAt(confirm(false), '--redrive', '--all')
  t.strictSame(await world.parked(), [])
  const confirmed = await world.runAt(confirm(true), '--redrive', '--all', '--per-second', '7')

  t.equal(alone.code, 2)
  t.match(alone.said, '--yes')
  t.equal(declined.code, 1)
  t.match(declined.said, 'nothing was changed')
  t.match(declined.said, '12 payments rejected, 238.80 in all')
  t.match(declined.said, 'and 2 more')
  t.equal(declined.said.split('19.90').length - 1, 10, 'a sample')
  t.match(questions, ['redrive 12 payments, 100 a second?', 'redrive 12 payments, 7 a second?'])
  t.equal(confirmed.code, 0)
  t.match(confirmed.said, '12 of 12 payments redriven')
  t.equal((await world.parked()).length, 12)
})

t.test('redriven payments become due one after the other, in batches', async (t) => {
  const world = await startRejected(t)
  const count = 1_201
  await world.sql(`
    INSERT INTO payments (correlation_id, amount_cents, state, owner, accepted_at)
    SELECT gen_random_uuid(), 100, 2, 1, now() - n * interval '1 s' FROM generate_series(1, ${count}) n`)

  const { said } = await world.run('--redrive', '--all', '--yes', '--per-second', '50')

  t.match(said, '500 of 1201 handled so far')
  t.match(said, `${count} of ${count} payments redriven, due within 24 s`)
  const [spread] = await world.sql(`
    SELECT extract(epoch FROM max(due_at) - min(due_at))::float8 AS seconds,
      count(DISTINCT due_at)::int AS instants, count(DISTINCT claim)::int AS claims,
      corr(extract(epoch FROM accepted_at)::float8, extract(epoch FROM due_at)::float8) > 0.9 AS sorted
    FROM payments`)
  t.ok(Number(spread?.['seconds']) >= 24, 'each a fiftieth of a second after the one before it')
  t.match(spread, { instants: count, claims: 1, sorted: true })
})

t.test('what was settled or redriven meanwhile is left alone and named', async (t) => {
  const world = await startRejected(t)
  await world.reject([1, 2, 3, 4], undefined)

  const { code, said } = await world.runAt(
    async () => {
      await world.sql(`UPDATE payments SET state = 1, processor = 1, requested_at_ms = 1
        WHERE correlation_id = '${uuid(2)}'`)
      await world.sql(`DELETE FROM payments WHERE correlation_id = '${uuid(4)}'`)
      await world.run('--redrive', uuid(3))
      return true
    },
    '--redrive',
    '--all',
  )

  t.equal(code, 1)
  t.match(said, `${uuid(2)} is not rejected but settled`)
  t.match(said, `${uuid(3)} is not rejected but still being worked on`)
  t.match(said, `${uuid(4)} is not known`)
  t.match(said, '1 of 4 payments redriven')
  t.strictSame(await world.parked(), [uuid(1), uuid(3)])
  const again = await world.run('--redrive', '--all', '--yes')
  t.match(again, { code: 0, said: '0 payments rejected' })
})

t.test('each redrive is a command with who, why and what it met, and a list is none', async (t) => {
  const world = await startRejected(t)
  await world.reject([1, 2, 3], { outcome: 'denied', processor: 'default', detail: 'http 400' })
  const ids = [uuid(1), uuid(9)]

  await world.run()
  await world.runAt(async () => false, '--redrive', '--all')
  await world.run('--redrive', '--all')
  t.same(await world.sql('SELECT FROM commands'), [], 'what nobody has confirmed is none either')
  await world.run('--redrive', ...ids, '--reason', 'their ticket')
  const filter = ['--processor', 'default', '--status', '400']
  await world.run('--redrive', '--yes', '--per-second', '7', ...filter)

  const rows = await world.sql(`SELECT kind, by = 'database role ' || current_user AS is_role, via,
    payload, reason, result, done_at >= at AS is_done FROM commands ORDER BY id`)
  const same = { kind: 'redrive', is_role: true, via: 'cli', is_done: true }
  const met = (redriven: number) => ({ 'the command itself': { payments: 2, redriven } })
  t.same(rows, [
    {
      ...same,
      payload: { about: ids.join(' '), payments: 2, perSecond: 100 },
      reason: 'their ticket',
      result: met(1),
    },
    {
      ...same,
      payload: { about: '--processor default --status 400', payments: 2, perSecond: 7 },
      reason: 'no reason was given',
      result: met(2),
    },
  ])
})

t.test('a redrive that was killed says in the end that it was, and how far it came', async (t) => {
  const world = await startRejected(t)
  await world.sql(`
    INSERT INTO payments (correlation_id, amount_cents, state, owner, accepted_at)
    SELECT gen_random_uuid(), 100, 2, 1, now() - n * interval '1 s' FROM generate_series(1, 1201) n`)
  const other = new pg.Client({ connectionString: world.connectionString })
  await other.connect()
  t.teardown(() => other.end())
  const told = async () => {
    const [row] = await world.ledger.listCommands({ limit: 1 })
    if (row === undefined) throw new Error('there is a command')
    const { payload, isInterrupted } = row
    const words = { at: '', until: null, doneAt: null, payload: { ...(payload as object) } }
    return { isInterrupted, words: describeCommand({ ...row, ...words }) }
  }

  // Its second batch waits for the last of its payments.
  await other.query('BEGIN')
  await other.query(`SELECT FROM payments WHERE correlation_id =
    (SELECT correlation_id FROM payments ORDER BY accepted_at OFFSET 999 LIMIT 1) FOR UPDATE`)
  const args = ['rejected', '--redrive', '--all', '--yes']
  const env = { DATABASE_URL: world.connectionString }
  const killed = runPit(t, { program: CLI, args, env })
  const waits = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'`
  await waitUntil({ what: 'it waits', withinMs: 60_000 }, async () => {
    return (await world.sql(waits)).length === 1
  })
  t.match(await told(), { isInterrupted: false, words: /: under way, 500 of 1201 done: 500 red/ })
  killed.kill('SIGKILL')
  await killed.ended()
  await world.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'pit operator' AND wait_event_type = 'Lock'`)
  await other.query('ROLLBACK')
  await world.sql(`UPDATE commands SET at = at - interval '121 s', result = jsonb_set(result,
    '{the command itself,at}', to_jsonb((result->'the command itself'->>'at')::bigint - 121000))`)

  t.match(await told(), { isInterrupted: true, words: /: interrupted, 500 of 1201 done: 500 red/ })
  t.equal((await world.parked()).length, 500)
  t.match(await world.run('--redrive', '--all', '--yes'), { code: 0, said: /701 of 701 payments/ })
  t.match(await told(), { isInterrupted: false })
})

t.test('a wrong command line and an unreachable database throw different errors', async (t) => {
  const wrongs = [
    ['--redrive=1'],
    ['--nosuch'],
    ['--redrive'],
    ['--redrive', uuid(1), '--all'],
    ['--redrive', '--all', '--processor', 'default'],
    ['--processor', 'third'],
    ['--from', '2026-01-01'],
    ['--from', '2026-01-02T00:00:00Z', '--to', '2026-01-01T00:00:00Z'],
    ['--redrive', '--all', '--per-second', '0'],
    ['--reason', 'late'],
    [uuid(1)],
  ]
  for (const wrong of wrongs) {
    t.throws(() => readRejectedOptions(wrong), UsageError, wrong.join(' '))
  }
  const pool = openTables('postgresql://nobody@127.0.0.1:1/none')
  t.teardown(() => pool.close())

  await t.rejects(
    runRejected(redriveOf(), { pool, write: () => {}, confirm: undefined }),
    BooksUnreachable,
  )
})

function redriveOf(...args: readonly string[]) {
  const options = readRejectedOptions(args)
  if (options.kind === 'help') throw new Error('help is no run')
  return options
}

t.test('a window has both of its milliseconds whole, and without one all are found', async (t) => {
  const world = await startRejected(t)
  await world.reject([1, 2, 3, 4, 5], undefined)
  const instants = [
    '1970-01-01T00:00:00Z',
    '2026-01-31T11:59:59.999999Z',
    '2026-01-31T12:00:00Z',
    '2026-01-31T12:00:00.001Z',
    '9999-12-31T23:59:59.999999Z',
  ]
  for (const [index, instant] of instants.entries()) await world.accept(index + 1, instant)
  const listed = async (...args: string[]): Promise<readonly (string | undefined)[]> => {
    const { said } = await world.run(...args)
    return said
      .trim()
      .split('\n')
      .map((line) => /^\S+/.exec(line)?.[0])
  }

  t.match((await world.run()).said, /accepted 1970-01-01T00:00:00.000Z\n/, 'no reason was kept')
  t.same(await listed(), [1, 2, 3, 4, 5].map(uuid), 'oldest first')
  const second = ['--from', '2026-01-31T12:00:00Z', '--to', '2026-01-31T12:00:00Z']
  t.same(await listed(...second), [uuid(3)])
  t.same(await listed('--from', '2026-01-31T12:00:00.001Z'), [uuid(4), uuid(5)])
  t.same(await listed('--to', '2026-01-31T11:59:59.999Z'), [uuid(1), uuid(2)])
})

t.test('an answer that several attempts got is listed once', async (t) => {
  const world = await startRejected(t)
  const told = { outcome: 'denied', processor: 'default', detail: 'http 400' }
  await world.reject([1], [told, { ...told, processor: 'fallback' }, told])

  t.match((await world.run()).said, /  default: http 400, fallback: http 400\n$/)
})

interface Rejected {
  readonly connectionString: string
  readonly ledger: Awaited<ReturnType<typeof createPostgresLedger>>
  /** Payments by their numbers, with these attempts; undefined: attempts were not kept. */
  reject(numbers: readonly number[], attempts: object | undefined): Promise<void>
  /** Notes when the payment of that number was accepted. */
  accept(n: number, instant: string): Promise<void>
  rejectAgain(numbers: readonly number[]): Promise<void>
  /** Ids, sorted. */
  parked(): Promise<readonly unknown[]>
  sql(text: string): Promise<readonly Record<string, unknown>[]>
  /** Without a terminal. */
  run(...args: readonly string[]): Promise<{ code: number; said: string }>
  runAt(
    confirm: RejectedTool['confirm'],
    ...args: readonly string[]
  ): Promise<{ code: number; said: string }>
}

async function startRejected(t: Test): Promise<Rejected> {
  const connectionString = await postgres.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  const pool = openTables(connectionString)
  t.teardown(() => Promise.all([ledger.close(), pool.close()]))
  const sql: Rejected['sql'] = (text) => runSql(connectionString, text)
  const listOf = (numbers: readonly number[]): string =>
    numbers.map((n) => `('${uuid(n)}'::uuid)`).join()
  const runAt: Rejected['runAt'] = async (confirm, ...args) => {
    let said = ''
    const write = (text: string): void => void (said += text)
    const tool = (): Promise<number> => runRejected(redriveOf(...args), { pool, write, confirm })
    return { code: await exitCodeOf(tool, write), said }
  }
  return {
    connectionString,
    ledger,
    sql,
    runAt,
    run: (...args) => runAt(undefined, ...args),
    reject: async (numbers, attempts) => {
      const kept = attempts === undefined ? 'NULL' : `'${JSON.stringify([attempts].flat())}'`
      await sql(`INSERT INTO payments (correlation_id, amount_cents, state, owner, attempts)
        SELECT id, 1990, 2, 1, ${kept}::jsonb FROM (VALUES ${listOf(numbers)}) AS v (id)`)
    },
    accept: async (n, instant) => {
      await sql(`UPDATE payments SET accepted_at = '${instant}'
        WHERE correlation_id = '${uuid(n)}'`)
    },
    rejectAgain: async (numbers) => {
      if (numbers.length === 0) return
      await sql(`UPDATE payments SET state = 2, owner = 1, due_at = NULL
        WHERE correlation_id IN (VALUES ${listOf(numbers)})`)
    },
    parked: async () => {
      const rows = await sql(`SELECT correlation_id FROM payments
        WHERE state = 0 AND owner IS NULL ORDER BY correlation_id`)
      return rows.map((row) => row['correlation_id'])
    },
  }
}
