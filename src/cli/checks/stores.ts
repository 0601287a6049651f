// Checks of what holds payments: PostgreSQL, configured or to be started here, and Redis.

import { constants, existsSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Config } from '../../config/config.ts'
import { findPackage } from '../../infra/postgres-embedded/binaries.ts'
import { inspectDatabase, type DatabaseFindings } from '../../infra/postgres/inspect.ts'
import { inspectRedis, type FailedOperations } from '../../infra/redis/inspect-redis.ts'
import { causeIn, clockFinding, fails, ok, warn, type Finding } from './finding.ts'

const DATABASE = 'database'

/** The one that `DATABASE_URL` names, or that a dev stack runs. */
export type WhichDatabase = 'configured' | 'embedded'

export async function checkDatabase(
  url: string,
  which: WhichDatabase,
  migrate: Config['migrate'] = 'at-start',
): Promise<readonly Finding[]> {
  const where = which === 'embedded' ? 'the embedded PostgreSQL' : 'DATABASE_URL'
  try {
    const found = await inspectDatabase(url)
    return [
      ...describeServer(found, which),
      describeTables(found, migrate),
      clockFinding(DATABASE, found),
    ]
  } catch (error) {
    const advice = which === 'embedded' ? 'start Pit again' : 'see docs/DATABASE.md'
    return [fails(DATABASE, `${where}: ${causeIn(error)}; ${advice}`)]
  }
}

/** PostgreSQL counts so: 13.0. */
const OLDEST = 130_000

function describeServer(found: DatabaseFindings, which: WhichDatabase): readonly Finding[] {
  const name = `PostgreSQL ${found.version}`
  const origin = which === 'embedded' ? ' of the dev stack' : ''
  if (found.versionNumber < OLDEST) return [fails(DATABASE, `${name} is too old: Pit needs 13`)]
  if (!found.takesWrites) {
    return [fails(DATABASE, `${name} takes no writes: name the primary in DATABASE_URL`)]
  }
  const durable = found.isDurable
    ? []
    : [
        warn(
          DATABASE,
          'synchronous_commit or fsync is off: a crash of PostgreSQL loses accepted payments',
        ),
      ]
  return [ok(DATABASE, `${name}${origin}, takes writes`), ...durable]
}

const TABLES = 'tables'
const NAMED_MAX = 4

function describeTables(found: DatabaseFindings, migrate: Config['migrate']): Finding {
  const { unfit, pending, needed, forAPerson, missing, gone, altered, lacking, mayCreate } = found
  const named = (names: readonly string[]): string =>
    `${names.slice(0, NAMED_MAX).join(', ')}${names.length > NAMED_MAX ? ' and more' : ''}`
  if (unfit !== undefined) return fails(TABLES, unfit)
  if (gone.length > 0) {
    return fails(
      TABLES,
      `there is no ${named(gone)}, though applied_migrations says so; see docs/DATABASE.md`,
    )
  }
  if (altered.length > 0) {
    return fails(TABLES, `${named(altered)}: they are not of this Pit; see docs/DATABASE.md`)
  }
  const whoMayNot = mayCreate ? 'MIGRATE is never' : 'the role may not make tables'
  const isLeftToOthers = !mayCreate || migrate === 'never'
  if (needed.length > 0 && isLeftToOthers) {
    const what = named(missing.length > 0 ? missing : needed)
    return fails(
      TABLES,
      `${what} are missing and ${whoMayNot}: run pit migrate --apply as one who may`,
    )
  }
  if (missing.length > 0) return ok(TABLES, 'the next start makes them, which the role may')
  if (lacking.length > 0) {
    return fails(TABLES, `the role lacks ${named(lacking)}: grant it, see docs/DATABASE.md`)
  }
  if (found.unindexed.length > 0) {
    return warn(
      TABLES,
      `are there, but no index ${named(found.unindexed)}: Pit gets slow; see docs/DATABASE.md`,
    )
  }
  const left = isLeftToOthers ? pending : forAPerson
  if (left.length > 0) {
    return warn(TABLES, `are there, with all rights; pit migrate --apply applies ${named(left)}`)
  }
  return ok(
    TABLES,
    `are there, with all rights${pending.length === 0 ? '' : '; a start brings them up to date'}`,
  )
}

/** Checks what a start needs that brings its own PostgreSQL. */
export async function checkEmbedded({ dataDir }: Config): Promise<readonly Finding[]> {
  const folder = resolve(dataDir)
  try {
    const path = join(findPackage(), 'native/bin/postgres')
    await access(path, constants.X_OK).catch((cause: unknown) => {
      throw new Error(`${causeIn(cause)}: run npm ci, or set DATABASE_URL`, { cause })
    })
  } catch (error) {
    return [fails(DATABASE, causeIn(error))]
  }
  let nearest = folder
  while (!existsSync(nearest)) nearest = dirname(nearest)
  try {
    await access(nearest, constants.W_OK | constants.X_OK)
  } catch (error) {
    return [fails(DATABASE, `DATA_DIR ${folder} cannot be written: ${causeIn(error)}`)]
  }
  const kept = existsSync(join(folder, 'cluster')) ? 'kept in' : 'made in'
  return [ok(DATABASE, `none is set: a start brings its own PostgreSQL, ${kept} ${folder}`)]
}

const REDIS = 'Redis'

/** As an instance calls it: what Redis does not do of that is told in its own words. */
export async function checkRedis({
  redisUrl,
  redisKeyPrefix: keyPrefix,
}: Config): Promise<readonly Finding[]> {
  if (redisUrl === undefined) return [ok(REDIS, 'none is set: each instance works by itself')]
  const found = await inspectRedis(redisUrl, { keyPrefix })
  const { refusal, silence, version, failures, foreign } = found
  if (refusal !== undefined) return [fails(REDIS, `REDIS_URL: ${causeIn(refusal)}`)]
  if (silence !== undefined) {
    const { kind, cause } = silence
    const what =
      kind === 'unavailable' ? 'it does not answer' : `it refuses the connection: ${cause}`
    return [warn(REDIS, `REDIS_URL: ${what}; Pit runs without, each instance by itself`)]
  }
  const name = version === undefined ? 'Redis, whose version is not told' : `Redis ${version}`
  const wrong = [
    ...failures.slice(0, NAMED_MAX).map((each) => describeFailure(name, each)),
    ...foreign.map(({ key, type, expected }) =>
      warn(
        REDIS,
        `${key} is a ${type}, and Pit's is a ${expected}: delete it, or set REDIS_KEY_PREFIX`,
      ),
    ),
  ]
  return wrong.length > 0 ? wrong : [ok(REDIS, `${name}, does all that Pit asks of it`)]
}

function describeFailure(name: string, { failure, operations }: FailedOperations): Finding {
  const { kind, cause } = failure
  const more = operations.length > NAMED_MAX ? ` and ${operations.length - NAMED_MAX} more` : ''
  const which = `${operations.slice(0, NAMED_MAX).join(', ')}${more}`
  const does = kind === 'unavailable' || kind === 'unreadable' ? 'fails at' : 'refuses'
  return warn(REDIS, `${name} ${does} ${which}: ${cause}; Pit runs without that`)
}
