// A PostgreSQL whose commits wait for a standby beside it, in the place of the layout's single one.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../src/infra/process/free-port.ts'
import type { Stores, StoresPlace } from '../layout/plan.ts'
import { postgresPart, type PostgresPart } from '../layout/postgres.ts'
import { redisPart } from '../layout/redis.ts'

/** Its name in the layout. */
export const STANDBY = 'standby'

/** A standby refuses less than its files were made with, which is the default. */
const AS_MADE = { max_wal_senders: '10' }

/**
 * Starts both, and Redis. The standby begins as a copy of the primary's files before its first start.
 * @param settings of PostgreSQL, for both.
 */
export async function startWithStandby(
  { dir, ports, started }: StoresPlace,
  settings: Readonly<Record<string, string>>,
): Promise<Stores & { readonly standby: PostgresPart }> {
  const shared = { cgroup: undefined }
  const both = { ...settings, ...AS_MADE }
  const port = ports?.postgres ?? (await freePort())
  const waiting = { ...both, synchronous_standby_names: STANDBY }
  const primary = await postgresPart({ ...shared, dir, port, settings: waiting })

  const itsDir = join(dir, STANDBY)
  mkdirSync(itsDir)
  // With its owner, who is not the one of this process.
  execFileSync('cp', ['-a', join(dir, 'postgres'), itsDir])
  writeFileSync(join(itsDir, 'postgres', 'standby.signal'), '')
  const from = `host=127.0.0.1 port=${port} user=pit application_name=${STANDBY}`
  const copy = await postgresPart({
    ...shared,
    name: STANDBY,
    dir: itsDir,
    port: await freePort(),
    settings: { ...both, primary_conninfo: from },
  })

  const postgres = await started(primary)
  const standby = await started(copy)
  const redisPort = ports?.redis ?? (await freePort())
  const redis = await started(redisPart({ dir, port: redisPort, ...shared }))
  return { postgres, standby, redis }
}
