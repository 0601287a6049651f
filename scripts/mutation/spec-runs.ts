// Runs of one spec against the instrumented build: without a slip, to see which ones it passes and
// how long it takes, and with one, to see whether it notices.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MUTANT, MUTANTS_REACHED } from './switch.ts'

export interface MeasuredSpec {
  readonly path: string
  readonly tookMs: number
  /** Ids of slips that it passes. */
  readonly reached: ReadonlySet<number>
}

export type Verdict = 'passed' | 'failed' | 'timedOut'

/** Longest run of a spec without a slip, ms. */
const PLAIN_MAX_MS = 180_000

/** Undefined: the spec fails without any slip, or takes too long. */
export async function measureSpec(build: string, path: string): Promise<MeasuredSpec | undefined> {
  const file = join(build, `${path.replaceAll('/', '-')}.reached`)
  writeFileSync(file, '')
  const startedAt = performance.now()
  const verdict = await runSpec(build, path, {
    env: { [MUTANTS_REACHED]: file },
    limitMs: PLAIN_MAX_MS,
  })
  const tookMs = performance.now() - startedAt
  const ids = readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number)
  rmSync(file)
  return verdict === 'passed' ? { path, tookMs, reached: new Set(ids) } : undefined
}

/** A run may take five times as long as without a slip, and 5 s for a machine that is busy. */
export function runWithMutant(build: string, spec: MeasuredSpec, id: number): Promise<Verdict> {
  const limitMs = spec.tookMs * 5 + 5_000
  return runSpec(build, spec.path, { env: { [MUTANT]: String(id) }, limitMs })
}

async function runSpec(
  build: string,
  path: string,
  { env, limitMs }: { readonly env: Readonly<Record<string, string>>; readonly limitMs: number },
): Promise<Verdict> {
  const child = spawn(process.execPath, [join(build, path)], {
    env: { ...process.env, TAP_BAIL: '1', TAP_TIMEOUT: String(Math.ceil(limitMs / 1_000)), ...env },
    stdio: 'ignore',
    detached: true,
  })
  let isLate = false
  const limit = setTimeout(() => {
    isLate = true
    killGroup(child.pid)
  }, limitMs)
  const endWithUs = (): void => killGroup(child.pid)
  process.on('exit', endWithUs)
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    if (isLate) return 'timedOut'
    return code === 0 ? 'passed' : 'failed'
  } finally {
    clearTimeout(limit)
    process.off('exit', endWithUs)
    killGroup(child.pid)
  }
}

/** Ends a spec and what it has started, and what is left of it. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
