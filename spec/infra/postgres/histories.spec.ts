// A real PostgreSQL that comes back as it was before, and how a ledger on it notices.

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { lease, request } from '../../contracts/ledger-words.ts'
import { runSql, startOwnPostgres, startPostgres } from '../../support/postgres.ts'
import type { OwnPostgres } from '../../support/postgres.ts'
import {
  ASK_MS,
  LANDS_FOR_MS,
  NOW,
  openWatched,
  renewed,
  sharedRenewals,
} from '../../support/watched-ledgers.ts'

const DAY_MS = 86_400_000
async function cp(from: string, to: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', `${from}/.`, to])
}

/** Stops the server, does something to its folder, and starts it. */
async function whileStopped(postgres: OwnPostgres, act: () => Promise<void>): Promise<void> {
  await postgres.stop()
  await act()
  await postgres.start()
}

async function putBack(postgres: OwnPostgres, copy: string): Promise<void> {
  await whileStopped(postgres, async () => {
    await rm(postgres.path, { recursive: true })
    await cp(copy, postgres.path)
  })
}

async function endOfLog(postgres: OwnPostgres): Promise<number> {
  const [row] = await runSql(
    postgres.connectionString,
    "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 AS bytes",
  )
  return Number(row?.['bytes'])
}

/** As a restore from a backup ends: on a timeline of its own. */
async function recover(postgres: OwnPostgres): Promise<void> {
  await whileStopped(postgres, async () => {
    await appendFile(join(postgres.path, 'postgresql.auto.conf'), "\nrestore_command = 'false'\n")
    await writeFile(join(postgres.path, 'recovery.signal'), '')
  })
}

const shared = await startPostgres(t)

t.test('the first history of a ledger asks for nothing, a restart of Pit neither', async (t) => {
  const database = await shared.freshDatabase()
  for (const _ of [1, 2]) {
    const { ledger, watch, changes, unread } = await openWatched(t, database)
    await lease(ledger)

    t.equal(watch.doubtUntil(NOW), undefined)
    t.equal(watch.hasChanged, false)
    t.same([changes, unread], [[], []])
  }
  const rows = await runSql(database, 'SELECT generation::int, timeline FROM histories')
  t.same(rows, [{ generation: 0, timeline: 1 }])
})

t.test('a dump in another server is another history, for those that start as well', async (t) => {
  const database = await shared.freshDatabase()
  await lease((await openWatched(t, database)).ledger)
  await runSql(database, "UPDATE histories SET system_identifier = '7'")

  const one = await openWatched(t, database)
  await lease(one.ledger)
  const other = await openWatched(t, database)
  await lease(other.ledger)

  for (const { watch, changes } of [one, other]) {
    t.equal(watch.doubtUntil(NOW), NOW + LANDS_FOR_MS)
    t.equal(watch.doubtUntil(NOW + ASK_MS), undefined)
    t.match(changes, [{ from: { systemIdentifier: '7' }, to: { timeline: 1 } }])
  }
  t.equal((await runSql(database, 'SELECT FROM histories')).length, 2, 'it is written once')
})

t.test('a dump that is read into the same server is another history, told by nobody', async (t) => {
  const database = await shared.freshDatabase()
  await lease((await openWatched(t, database)).ledger)
  const [before] = await runSql(database, 'SELECT tables FROM histories')
  const url = new URL(database)
  const copied = await openWatched(t, await readBack(url))
  await lease(copied.ledger)

  t.equal(copied.watch.doubtUntil(NOW), NOW + LANDS_FOR_MS)
  const [change] = copied.changes
  t.equal(change?.from.tables, before?.['tables'])
  t.not(change?.to.tables, change?.from.tables)
  t.equal(change?.to.systemIdentifier, change?.from.systemIdentifier)
  const again = await openWatched(t, url.href)
  await lease(again.ledger)
  t.match(again.changes, [{ to: { tables: change?.to.tables } }], 'it is asked further')
  t.equal((await runSql(url.href, 'SELECT FROM histories')).length, 2, 'it is written once')
})

t.test('one clock that is set forward ends no asking of an instance that starts', async (t) => {
  const database = await shared.freshDatabase()
  await lease((await openWatched(t, database)).ledger)
  await runSql(database, "UPDATE histories SET system_identifier = '7'")
  await lease((await openWatched(t, database)).ledger)
  // By PostgreSQL's clock it was a day ago, and by the instance's as well unless that is a day behind.
  await runSql(
    database,
    `UPDATE histories SET first_seen = now() - interval '1 day',
      written_by = txid_current() % 4294967296`,
  )

  const [agreed, behind] = [
    await openWatched(t, database),
    await openWatched(t, database, { timeOfDay: () => Date.now() - DAY_MS }),
  ]
  for (const { ledger } of [agreed, behind]) await lease(ledger)

  t.equal(agreed.watch.doubtUntil(NOW), undefined)
  t.equal(behind.watch.doubtUntil(NOW), NOW + LANDS_FOR_MS)
})

t.test(
  'a history that begins while one clock is behind is no older once that is set',
  async (t) => {
    const database = await shared.freshDatabase()
    await lease((await openWatched(t, database)).ledger)
    await runSql(database, "UPDATE histories SET system_identifier = '7'")
    const timeOfDay = (): number => Date.now() + DAY_MS
    await lease((await openWatched(t, database, { timeOfDay })).ledger)

    const [newest] = await runSql(
      database,
      `SELECT first_seen > now() + interval '23 hours' AS is_by_the_later
    FROM histories ORDER BY generation DESC LIMIT 1`,
    )
    t.same(newest, { is_by_the_later: true })
  },
)

/** Tables with the same rows in a database of another id, as a dump leaves them; its name is in `url`. */
async function readBack(url: URL): Promise<string> {
  const name = url.pathname.slice(1)
  const admin = new URL(url)
  admin.pathname = '/postgres'
  const others = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`
  for (;;) {
    try {
      await runSql(admin.href, others)
      await runSql(admin.href, `CREATE DATABASE ${name}_again TEMPLATE ${name}`)
      url.pathname += '_again'
      return url.href
    } catch (error) {
      // Somebody of the spec has connected anew.
      if ((error as { code?: string }).code !== '55006') throw error
    }
  }
}

t.test('a server that does not tell what it is says so once, and serves', async (t) => {
  const database = await shared.freshDatabase()
  await lease((await openWatched(t, database)).ledger)
  await runSql(
    database,
    `REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;
    CREATE ROLE plain LOGIN PASSWORD 'plain';
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain`,
  )
  const address = new URL(database)
  address.username = 'plain'
  address.password = 'plain'

  const { ledger, watch, unread } = await openWatched(t, address.href)
  const mine = await lease(ledger)
  await ledger.accept([request(1)], { ...mine, parked: false })

  t.same(unread, ['systemIdentifier'], 'the timeline needs no right')
  t.equal(watch.doubtUntil(NOW), undefined)
})

t.test('what others commit while a session meets its server is no other history', async (t) => {
  const database = await shared.freshDatabase()
  const renewals = sharedRenewals()
  const { ledger, watch, changes } = await openWatched(t, database, {
    renewals: {
      ...renewals,
      // Both are told, in this very moment, of a commit that comes after it was asked.
      read: async () => {
        const renew = `UPDATE renewals SET count = count + 1 WHERE run = '${watch.run}'
          RETURNING count::int`
        const [row] = await runSql(database, renew)
        if (row !== undefined) watch.note({ generation: 0, count: Number(row['count']) })
        return watch.known
      },
    },
  })
  const mine = await lease(ledger)
  // Each call has a pool with a session of its own, all of which meet the server.
  await ledger.accept([request(1)], { ...mine, parked: false })
  await ledger.countOpen()
  await renewed(ledger, mine)

  t.same(changes, [])
  t.equal(watch.epoch, 0)
  t.equal((await runSql(database, 'SELECT FROM histories')).length, 1)
})

t.test(
  'a copy of the disk that is put back is noticed, whatever it is used for before',
  async (t) => {
    const postgres = await startOwnPostgres(t)
    const renewals = sharedRenewals()
    const before = await openWatched(t, postgres.connectionString, { renewals })
    const mine = await lease(before.ledger)
    const copy = `${postgres.path}.copy`
    await whileStopped(postgres, () => cp(postgres.path, copy))
    await renewed(before.ledger, mine)
    await before.ledger.accept([request(1)], { ...mine, parked: false })
    const { purges } = await renewed(before.ledger, mine)
    t.equal(before.watch.epoch, 0, 'a restart alone is no other history')
    const end = await endOfLog(postgres)
    // As an operator does who looks at it first.
    const putBackAndUse = async (): Promise<void> => {
      await putBack(postgres, copy)
      await runSql(postgres.connectionString, 'VACUUM FULL')
      await runSql(postgres.connectionString, 'SELECT pg_switch_wal()')
      t.ok((await endOfLog(postgres)) > end, 'its log is longer than what was lost')
    }

    await putBackAndUse()
    const epoch = before.watch.epoch
    const after = await renewed(before.ledger, mine)

    t.equal(before.watch.epoch, epoch + 1)
    t.ok(after.purges > purges, 'what is in memory is dropped')
    t.equal(before.watch.doubtUntil(NOW), NOW + LANDS_FOR_MS)
    t.match(before.changes, [{ renewalsLost: 2 }])

    await putBackAndUse()
    const started = await openWatched(t, postgres.connectionString, { renewals })
    await lease(started.ledger)
    t.ok(started.watch.hasChanged, 'one that starts is told by Redis')
  },
)

t.test('what others go on with who knew nothing is noticed by who knew more', async (t) => {
  const postgres = await startOwnPostgres(t)
  const before = await openWatched(t, postgres.connectionString)
  const mine = await lease(before.ledger)
  const copy = `${postgres.path}.copy`
  await whileStopped(postgres, () => cp(postgres.path, copy))
  await renewed(before.ledger, mine)

  await putBack(postgres, copy)
  const unaware = await openWatched(t, postgres.connectionString)
  const theirs = await lease(unaware.ledger)
  for (let renewals = 0; renewals < 5; renewals += 1) await renewed(unaware.ledger, theirs)
  t.same(unaware.changes, [])
  await renewed(before.ledger, mine)

  t.match(before.changes, [{ renewalsLost: 1 }])
  // The first one tells of it, and the next one meets it.
  await renewed(unaware.ledger, theirs)
  await renewed(unaware.ledger, theirs)
  t.equal(unaware.changes.length, 1, 'and told to the others')
})

t.test('renewals of processes that ended a week ago are forgotten', async (t) => {
  const database = await shared.freshDatabase()
  const { ledger, watch } = await openWatched(t, database)
  const [old, young] = [randomUUID(), randomUUID()]
  await lease(ledger)
  await runSql(
    database,
    `INSERT INTO renewals VALUES ('${old}', 9, now() - interval '8 days'),
      ('${young}', 9, now() - interval '6 days');
    UPDATE renewals SET renewed_at = now() - interval '9 days' WHERE run = '${watch.run}'`,
  )

  await lease(ledger)

  const left = await runSql(database, 'SELECT run, count::int FROM renewals ORDER BY count')
  t.same(left, [
    { run: watch.run, count: 2 },
    { run: young, count: 9 },
  ])
})

t.test('a recovery to another timeline is noticed without anybody who knew', async (t) => {
  const postgres = await startOwnPostgres(t, { wal_level: 'replica' })
  const before = await openWatched(t, postgres.connectionString)
  await lease(before.ledger)
  await before.ledger.close()

  await recover(postgres)
  const { ledger, watch, changes } = await openWatched(t, postgres.connectionString)
  await lease(ledger)

  t.match(changes, [{ from: { timeline: 1 }, to: { timeline: 2 } }])
  t.equal(watch.doubtUntil(NOW), NOW + LANDS_FOR_MS)
})

t.test('what was asked for in one history is not written into another', async (t) => {
  const postgres = await startOwnPostgres(t, { wal_level: 'replica' })
  const { ledger } = await openWatched(t, postgres.connectionString)
  const mine = await lease(ledger)
  await recover(postgres)

  const refusals: string[] = []
  for (let answer: unknown; answer === undefined;) {
    answer = await ledger
      .accept([request(1)], { ...mine, parked: false })
      .catch((error: unknown) => void refusals.push(String(error)))
  }

  t.match(refusals.at(-1), 'another history')
})
