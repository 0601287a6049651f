// The table of exit codes in docs/CLI.md: what it says holds, and each code that it has is met here
// or where MET_ELSEWHERE says.

import { randomUUID } from 'node:crypto'
import t from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { readText } from '../support/sources.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { CLI, runPit } from '../support/system-process.ts'

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3'

/** Codes that are not met here: where they are, or why not. */
const MET_ELSEWHERE: Readonly<Record<string, string>> = {
  'pit 1': 'spec/cli/cli.spec.ts',
  'pit start 0': 'spec/cli/cli.spec.ts',
  'pit pause 1': 'spec/cli/orders.spec.ts',
  'pit hold 1': 'spec/cli/orders.spec.ts',
  'pit resume 1': 'spec/cli/orders.spec.ts',
  'pit drain 0': 'spec/cli/orders.spec.ts',
  'pit resolve 0': 'spec/cli/resolve.spec.ts',
  'pit tail 0': 'spec/cli/payments.spec.ts',
  'pit simulator 0': 'spec/simulator/main.spec.ts',
  'pit challenge 0': 'a run of the challenge, which takes minutes',
  'pit challenge 1': 'a run of the challenge, which takes minutes',
}

/** As `pit pay 0` for the row of pay and the column of 0. */
function codesInTable(): readonly string[] {
  const rows = readText('docs/CLI.md')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, command = '']) => /^`pit[ \w-]*`$/.test(command))
  return rows.flatMap(([, command = '', , ...meanings]) =>
    meanings
      .slice(0, 4)
      .flatMap((meaning, code) => (meaning === '' ? [] : `${command.replaceAll('`', '')} ${code}`)),
  )
}

/** A Pit that runs, with all that it needs, and what its commands need to find it. */
async function startWorld() {
  const postgres = await startPostgres(t)
  const processors = await Promise.all(
    [0.05, 0.15].map((feeRate) => startSimulator({ port: 0, feeRate })),
  )
  t.teardown(() => Promise.all(processors.map((processor) => processor.close())))
  const [port, opsPort] = [await freePort(), await freePort()]
  const databaseUrl = await postgres.freshDatabase()
  const env = {
    PORT: String(port),
    OPS_PORT: String(opsPort),
    DATABASE_URL: databaseUrl,
    PROCESSOR_DEFAULT_URL: processors[0]?.url ?? '',
    PROCESSOR_FALLBACK_URL: processors[1]?.url ?? '',
    PROCESSOR_TOKEN: '123',
    LOG_LEVEL: 'silent',
  }
  const pit = runPit(t, { env })
  await pit.says('try:')
  return { env, databaseUrl, port: String(port), operators: `http://127.0.0.1:${opsPort}` }
}

t.test('each exit code of the table is that of its command', async (t) => {
  const { env, databaseUrl, port, operators } = await startWorld()
  const silent = `http://127.0.0.1:${await freePort()}`
  const closed = { DATABASE_URL: `postgres://pit@127.0.0.1:${await freePort()}/pit` }
  const met = new Set(Object.keys(MET_ELSEWHERE))
  const run = async (line: string, more: Readonly<Record<string, string>> = {}) => {
    const args = line.split(' ').slice(1)
    return await runPit(t, { program: CLI, args, env: { ...env, ...more } }).ended()
  }
  const meets = async (code: number, line: string, more = {}): Promise<void> => {
    const ended = await run(line, more)
    t.equal(ended.code, code, `${line}: ${ended.err}${ended.out}`)
    if (code > 1) t.match(ended, { out: line.includes('status') ? String : '' })
    const [, command = ''] = line.split(' ')
    met.add(`${/^\w/.test(command) && command !== 'nothing' ? `pit ${command}` : 'pit'} ${code}`)
  }

  await meets(0, 'pit --version')
  await meets(2, 'pit nothing')
  await meets(1, 'pit start', { DATABASE_URL: databaseUrl.replace(/\w+$/, 'nothing'), PORT: '0' })
  await meets(2, 'pit start', { PORT: 'x' })
  await meets(0, 'pit doctor')
  await meets(1, 'pit doctor', { PORT: 'x' })
  await meets(2, 'pit doctor --odd')
  await meets(0, `pit status --once ${operators}`)
  await meets(2, 'pit status --every 0')
  await meets(3, `pit status --once ${silent}`)
  await meets(2, 'pit tail x')
  await meets(3, `pit tail ${silent}`)
  await meets(0, `pit pay 19.90 --id ${ID} --wait`)
  await meets(1, `pit pay 19.91 --id ${ID}`)
  await meets(2, 'pit pay much')
  await meets(3, `pit pay 1 --url ${silent}`)
  await meets(0, `pit show ${ID}`)
  await meets(1, `pit show ${randomUUID()}`)
  await meets(2, 'pit show x')
  await meets(3, `pit show ${ID} --url ${silent}`)
  // What is told as settled may still be on its way to PostgreSQL.
  await waitUntil({ what: 'it is written' }, async () => {
    const rows = await runSql(databaseUrl, 'SELECT FROM payments WHERE state = 1')
    return rows.length === 1
  })
  await meets(0, 'pit reconcile')
  await runSql(databaseUrl, 'UPDATE payments SET amount_cents = amount_cents + 1')
  await meets(1, 'pit reconcile')
  await meets(2, 'pit reconcile --from yesterday')
  await meets(3, 'pit reconcile', closed)
  await meets(0, 'pit find --json')
  await meets(1, 'pit find --processor default --state rejected')
  await meets(2, 'pit find --state retry')
  await meets(3, 'pit find', closed)
  await meets(0, 'pit rejected')
  await meets(1, `pit rejected --redrive ${randomUUID()}`)
  await meets(2, `pit rejected ${ID}`)
  await meets(3, 'pit rejected', closed)
  await meets(0, 'pit look-up --all')
  await meets(1, `pit look-up ${randomUUID()}`)
  await meets(2, 'pit look-up')
  await meets(3, 'pit look-up --all', closed)
  await meets(0, 'pit migrate --plan')
  await runSql(databaseUrl, 'DELETE FROM applied_migrations')
  await meets(1, 'pit migrate --plan')
  await meets(2, 'pit migrate --plan --sql')
  await meets(3, 'pit migrate --apply', closed)
  await meets(0, `pit pause default --reason late --yes --url ${operators}`)
  await meets(2, `pit pause default --reason ${'x'.repeat(501)} --yes --url ${operators}`)
  await meets(3, `pit pause default --reason late --yes --url ${silent}`)
  await meets(0, `pit hold default open --for 1s --reason late --yes --url ${operators}`)
  await meets(2, 'pit hold default open --reason late --yes')
  await meets(3, `pit hold default open --for 1s --reason late --yes --url ${silent}`)
  await meets(0, `pit resume default --reason well --yes --url ${operators}`)
  await meets(2, 'pit resume default --reason well --for 1s')
  await meets(3, `pit resume default --reason well --yes --url ${silent}`)
  await meets(1, `pit drain nobody --reason late --yes --url ${operators}`)
  await meets(2, 'pit drain')
  await meets(3, `pit drain nobody --reason late --yes --url ${silent}`)
  await meets(1, `pit resolve ${randomUUID()} --never default --reason a --yes --url ${operators}`)
  await meets(2, `pit resolve ${ID} --never --settled default`)
  await meets(2, `pit resolve ${ID} --never default --reason ${'x'.repeat(501)} --url ${operators}`)
  await meets(3, `pit resolve ${ID} --never default --reason a --yes --url ${silent}`)
  await meets(0, `pit audit --url ${operators}`)
  await meets(2, 'pit audit --last x')
  await meets(3, `pit audit --url ${silent}`)
  await meets(0, 'pit keys new --name ana --scope view')
  await meets(2, 'pit keys new --name ana --scope all')
  await meets(1, `pit simulator --port ${port}`)
  await meets(2, 'pit simulator --port x')
  await meets(2, 'pit challenge --odd')
  await meets(3, `pit challenge --ready-tries 1 --url ${silent}`)

  t.same([...met].toSorted(), codesInTable().toSorted())
})

t.test('the table has each command that pit lists, and its examples are in it', async (t) => {
  const { out } = await runPit(t, { program: CLI, args: ['--help'] }).ended()
  const listed = [...out.matchAll(/^ {2}([\w-]+) +[A-Z]/gm)].map(([, name]) => `pit ${name}`)
  const rows = new Set(codesInTable().map((each) => each.replace(/ \d$/, '')))

  t.same([...rows].toSorted(), ['pit', ...listed].toSorted())
})
