// Two failovers under load, one of them unannounced, over the whole cluster.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { missingPackages } from '../../../bench/cluster/programs.ts'
import { missing } from '../../support/requirements.ts'
import { runFailovers } from './run.ts'

const absent = missingPackages()
const skip = absent.length === 0 ? false : missing(`not installed: ${absent.join(', ')}`)

t.test(
  'a killed primary and a switchover lose nothing and pay nothing twice',
  { timeout: 600_000, skip },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'pit-failover-'))
    const seed = Date.now() % 1_000_000

    const { measured, verdict } = await runFailovers(
      {
        seed,
        failovers: ['kill', 'switchover'],
        rate: 60,
        instances: 2,
        via: 'hosts',
        isSynchronous: true,
      },
      { dir, stream: { write: () => true } },
    )

    t.strictSame(
      verdict.broken.filter((rule) => !verdict.byMeasure.includes(rule)),
      [],
      `seed ${seed}, logs in ${dir}`,
    )
    t.match(verdict.rows.at(-1), { lost: 0, paidTwice: 0, misattributed: 0 })
    // Longer without a primary than an accept is waited for.
    t.match(measured[0], { name: 'kill', wasUnready: true })
    if (verdict.broken.length === 0) rmSync(dir, { recursive: true, force: true })
  },
)
