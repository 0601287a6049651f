// Clocks of processes that are set while they run.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { postgresPart } from '../../bench/layout/postgres.ts'
import { Chance } from '../simulation/chance.ts'
import { missing } from '../support/requirements.ts'
import { Clocks, drawStep, findFaketime } from './clocks.ts'

const HOUR_MS = 3_600_000

/** Tells both clocks for each line that it is sent. */
const TELLER = `process.stdin.on('data', () => {
  console.log(JSON.stringify({ wall: Date.now(), monotonic: performance.now() }))
})`

const skip = findFaketime() === undefined ? missing('no libfaketime') : false

t.test("a process's time of day is set, and its monotonic clock is not", { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'pit-clocks-'))
  const clocks = new Clocks(dir, findFaketime())
  const [command, ...args] = [...clocks.starterOf('teller'), process.execPath, '-e', TELLER]
  const teller = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => {
    teller.kill()
    rmSync(dir, { recursive: true, force: true })
  })
  const tell = async (): Promise<{ readonly wall: number; readonly monotonic: number }> => {
    teller.stdin.write('\n')
    const [line] = (await once(teller.stdout, 'data')) as [Buffer]
    return JSON.parse(line.toString()) as { wall: number; monotonic: number }
  }
  const hoursOff = ({ wall }: { readonly wall: number }): number =>
    Math.round((wall - Date.now()) / HOUR_MS)

  const before = await tell()
  clocks.set('teller', HOUR_MS)
  const ahead = await tell()
  clocks.set('teller', -2 * HOUR_MS)
  const behind = await tell()

  t.strictSame([before, ahead, behind].map(hoursOff), [0, 1, -2])
  t.ok(behind.monotonic - before.monotonic < HOUR_MS / 2)
  t.ok(behind.monotonic >= ahead.monotonic)
})

t.test("PostgreSQL's clock is set at once for sessions that stand", { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'pit-clocks-'))
  chmodSync(dir, 0o755)
  const clocks = new Clocks(dir, findFaketime())
  const place = { dir, port: await freePort(), cgroup: undefined }
  const postgres = await postgresPart({ ...place, starter: clocks.starterOf('postgres') })
  await postgres.start()
  const client = new pg.Client({ connectionString: postgres.url })
  await client.connect()
  t.teardown(async () => {
    await client.end()
    await postgres.stop()
    rmSync(dir, { recursive: true, force: true })
  })
  const hoursOff = async (): Promise<number> => {
    const { rows } = await client.query<{ ms: number }>(
      'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
    )
    return Math.round(((rows[0]?.ms ?? NaN) - Date.now()) / HOUR_MS)
  }

  t.equal(await hoursOff(), 0)
  clocks.set('postgres', HOUR_MS)
  t.equal(await hoursOff(), 1)
  clocks.set('postgres', -HOUR_MS)
  t.equal(await hoursOff(), -1)
})

t.test('without libfaketime a process starts as it is', async (t) => {
  t.strictSame(new Clocks('/nowhere', undefined).starterOf('pit-1'), [])
})

t.test('a clock is set by a second to an hour, either way', async (t) => {
  const chance = new Chance(1)
  const steps = Array.from({ length: 1000 }, () => drawStep(chance))

  t.ok(steps.every((step) => Math.abs(step) >= 1000 && Math.abs(step) <= HOUR_MS))
  t.ok(steps.some((step) => step < -60_000) && steps.some((step) => step > 60_000))
})
