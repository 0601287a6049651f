// A short attack on the whole layout, on each server that there is.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SERVERS } from '../http/edge-under-test.ts'
import { missingPrograms } from '../support/system-layout.ts'
import { KINDS } from './kinds.ts'
import { runHostile } from './run.ts'

/** node:http takes several times the CPU for each request, and specs run beside it. */
const ATTACKS = {
  uws: { requests: 2000, clients: 24, rate: 50 },
  node: { requests: 1000, clients: 8, rate: 25 },
} as const

for (const { name } of SERVERS) {
  t.test(
    `honest clients are served beside hostile ones, and nothing breaks (${name})`,
    { timeout: 150_000, skip: missingPrograms() ?? false },
    (t) => isHeld(t, name === 'node:http' ? 'node' : 'uws'),
  )
}

async function isHeld(t: Test, server: 'uws' | 'node'): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'pit-hostile-'))
  const options = { seed: 1, server, ...ATTACKS[server] }

  const result = await runHostile(options, { dir })

  t.strictSame(result.broken, [], `logs in ${dir}`)
  t.ok(result.rows.every(({ verdict }) => verdict === 'held'))
  const seen = new Set(result.rows.map(({ kind }) => kind))
  t.ok(
    KINDS.every(({ name }) => seen.has(name)),
    'every kind occurred',
  )
  t.ok(result.stored >= result.accepted)
  t.ok(result.accepted > ATTACKS[server].rate * 2, `${result.accepted} accepted`)
  if (result.broken.length === 0) rmSync(dir, { recursive: true, force: true })
}
