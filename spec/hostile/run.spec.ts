// A short attack on the whole layout.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { missingPrograms } from '../support/system-layout.ts'
import { KINDS } from './kinds.ts'
import { runHostile } from './run.ts'

t.test(
  'honest clients are served beside hostile ones, and nothing breaks',
  { timeout: 150_000, skip: missingPrograms() ?? false },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'pit-hostile-'))
    const options = { requests: 2000, seed: 1, clients: 24, rate: 50 }

    const result = await runHostile(options, { dir })

    t.strictSame(result.broken, [], `logs in ${dir}`)
    t.ok(result.rows.every(({ verdict }) => verdict === 'held'))
    const seen = new Set(result.rows.map(({ kind }) => kind))
    t.ok(
      KINDS.every(({ name }) => seen.has(name)),
      'every kind occurred',
    )
    t.ok(result.stored >= result.accepted)
    t.ok(result.accepted > 200, `${result.accepted} accepted`)
    if (result.broken.length === 0) rmSync(dir, { recursive: true, force: true })
  },
)
