// A short drill: the disk of PostgreSQL is lost while clients post.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { missingPackages } from '../../../bench/cluster/programs.ts'
import { missing } from '../../support/requirements.ts'
import { runDrill } from './run.ts'

const absent = missingPackages()
const skip = absent.length === 0 ? false : missing(`not installed: ${absent.join(', ')}`)

t.test(
  'what a restore has lost comes back by posting again and by take-back, and is paid once',
  { timeout: 300_000, skip },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'pit-drill-'))
    const seed = Date.now() % 1_000_000

    const { recoveries, broken } = await runDrill(
      { seed, disasters: ['disk'], rate: 30, loadMs: 3000, inDoubtHorizonMs: 3000 },
      { dir, say: () => undefined },
    )

    t.strictSame(broken, [], `seed ${seed}, logs in ${dir}`)
    const [recovery] = recoveries
    t.ok(recovery !== undefined && recovery.postedAgain > 0, 'lost, and posted again')
    t.ok(recovery !== undefined && recovery.takenBack > 0, 'lost, and taken back')
    if (broken.length === 0) rmSync(dir, { recursive: true, force: true })
  },
)
