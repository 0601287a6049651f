// What a repeat is answered while the payment that it repeats is on no standby yet.

import t from 'tap'
import { GIVE_UP_MS, waitUntil } from '../../../bench/layout/wait.ts'
import { createPostgresLedger } from '../../../src/infra/postgres/ledger.ts'
import { PostgresPool } from '../../../src/infra/postgres/pool.ts'
import { lease, request } from '../../contracts/ledger-words.ts'
import { LEDGER, runSql, startPostgres } from '../../support/postgres.ts'

const server = await startPostgres(t, {
  wal_level: 'replica',
  max_wal_senders: '1',
  synchronous_commit: 'on',
})

t.test('a repeat is known only once its payment is on the standby', async (t) => {
  const connectionString = await server.freshDatabase()
  const ledger = await createPostgresLedger({ ...LEDGER, connectionString })
  t.teardown(() => ledger.close())
  const mine = { ...(await lease(ledger)), parked: false }
  await ledger.accept([request(1)], mine)

  await waitForStandby('nobody')
  await t.rejects(ledger.accept([request(2)], mine), { name: 'LedgerUnavailable' })
  // As after a crash: what waited for the standby is visible, and on this server alone.
  const visible = `SELECT count(*)::int AS n FROM payments`
  await waitUntil({ what: 'the payment visible' }, async () => {
    await runSql(connectionString, `SELECT pg_cancel_backend(pid) ${WAITING}`)
    return (await runSql(connectionString, visible))[0]?.['n'] === 2
  })
  await t.rejects(ledger.accept([request(2)], mine), { name: 'LedgerUnavailable' })

  await waitForStandby('')
  t.match(await ledger.accept([request(1), request(2)], mine), { results: ['known', 'known'] })
})

t.test('statements that are given up one after another leave no sessions behind', async (t) => {
  const connectionString = server.pitDatabase
  const applicationName = 'given up'
  const pool = new PostgresPool({
    connectionString,
    applicationName,
    size: 1,
    timeoutMs: 200,
    connectTimeoutMs: GIVE_UP_MS,
    statementTimeoutMs: GIVE_UP_MS,
  })
  t.teardown(() => pool.close())
  const sessions = `SELECT pid FROM pg_stat_activity WHERE application_name = '${applicationName}'`
  await waitForStandby('nobody')
  t.teardown(() => waitForStandby(''))

  let met = 0
  await waitUntil({ what: 'six commits to hang' }, async () => {
    const write = { name: 'spec', effect: 'writes', protocol: 'simple', text: WRITE } as const
    const failure = await pool.execute(write, []).catch((cause: unknown) => cause)
    t.match(failure, { outcome: /^(unknown|none)$/ })
    if (String(Object(failure)['outcome']) === 'unknown') met += 1
    return met === 6
  })

  await waitUntil({ what: 'no more than one session' }, async () => {
    return (await runSql(connectionString, sessions)).length <= 1
  })
  t.pass('each was ended by the next one')
})

const WAITING = `FROM pg_stat_activity WHERE wait_event = 'SyncRep'`

/** Until commits wait for that standby, or, with no name, for none. */
async function waitForStandby(name: string): Promise<void> {
  const url = server.pitDatabase
  await runSql(url, `ALTER SYSTEM SET synchronous_standby_names = '${name}'`)
  await runSql(url, 'SELECT pg_reload_conf()')
  if (name === '') {
    await runSql(url, WRITE)
    return
  }
  await waitUntil({ what: 'commits wait' }, async () => {
    let hasEnded = false
    const written = runSql(url, WRITE).then(() => (hasEnded = true))
    let isWaiting = false
    await waitUntil({ what: 'a commit waits or ends' }, async () => {
      isWaiting = (await runSql(url, `SELECT ${WAITING}`)).length > 0
      return isWaiting || hasEnded
    })
    if (isWaiting) await runSql(url, `SELECT pg_cancel_backend(pid) ${WAITING}`)
    await written
    return isWaiting
  })
}

const WRITE = `SELECT pg_logical_emit_message(true, 'spec', '')`
