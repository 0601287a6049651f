// A short chaos run against the whole layout.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { missingPrograms } from '../support/system-layout.ts'
import type { FaultName } from './fault-kinds.ts'
import { runChaos } from './run.ts'

/** Faults whose aftermath is over soon. */
const QUICK: readonly FaultName[] = [
  'kill',
  'pause',
  'postgres-cut',
  'redis-hang',
  'fail-after',
  'reset-after',
  'cut',
  'gone',
  'proxy',
]

/** A shorter settle-by deadline is enough for processors that record at once. */
const SETTINGS = { ATTEMPT_TIMEOUT_MS: '3000', IN_DOUBT_HORIZON_MS: '8000' }

t.test(
  'a short run of faults loses nothing, pays nothing twice and leaves equal books',
  { timeout: 1_200_000, skip: missingPrograms() ?? false },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'pit-chaos-'))
    const seed = Date.now() % 1_000_000
    const options = {
      seed,
      seconds: 18,
      rate: 60,
      instances: 2,
      faults: QUICK,
      env: SETTINGS,
      program: undefined,
    }

    const result = await runChaos(options, { dir, stream: { write: () => true } })

    // How soon and how often is for a run of `npm run chaos`, on a machine of its own.
    const broken = result.broken.filter((rule) => !result.byMeasure.includes(rule))
    t.strictSame(broken, [], `seed ${seed}, logs in ${dir}`)
    t.match(result.rows.at(-1), { lost: 0, paidTwice: 0, misattributed: 0 })
    t.ok((result.rows.at(-1)?.payments ?? 0) > 200)
    if (result.broken.length === 0) rmSync(dir, { recursive: true, force: true })
  },
)
