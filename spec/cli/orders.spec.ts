// Orders of operators as people give them: to two instances that run, over one of them.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { waitUntil } from '../../bench/layout/wait.ts'
import { keyLine, newKey } from '../../src/infra/process/keys-file.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { CLI, runPit } from '../support/system-process.ts'
import { startTwoPits } from '../support/two-pits.ts'

const postgres = await startPostgres(t)

async function start(t: Test, env: Readonly<Record<string, string>> = {}) {
  return await startTwoPits(t, { databaseUrl: await postgres.freshDatabase(), env })
}

t.test(
  'a processor that is paused gets nothing from any instance until it is resumed',
  async (t) => {
    const { one, two, run, pit, post, charged, circuitAt, databaseUrl } = await start(t)
    t.match(await pit('audit'), { code: 0, out: 'operators have given no command\n' })

    const paused = await pit('pause default --reason late --yes')

    t.match(paused, {
      code: 0,
      err: '',
      out: /^1 {2}20\S+Z {2}pause default, by loopback \(cli\): late\n {4}one: obeys; circuit was closed\n {4}two: obeys; circuit was closed\n$/,
    })
    for (const at of [one, two]) t.equal(await circuitAt(at, 'default'), 'heldOpen')
    for (const at of [one, two, one, two]) await post(at)
    await waitUntil({ what: 'the other one is paid at' }, () => charged()[1] === 4)
    t.same(charged(), [0, 4])

    const third = await run('three')
    t.equal(await circuitAt(third, 'default'), 'heldOpen', 'one that starts obeys as well')
    t.match(await pit('pause fallback --reason late --yes'), { code: 0, out: /three: obeys/ })
    for (const at of [one, two, third]) await post(at)
    const open = () => runSql(databaseUrl, 'SELECT FROM payments WHERE state = 0')
    t.equal((await open()).length, 3)
    t.same(charged(), [0, 4], 'while both are paused all wait')

    t.match(await pit('resume default --reason well --yes'), { code: 0 })
    await waitUntil({ what: 'what has waited is settled' }, async () => (await open()).length === 0)
    t.same(charged(), [3, 4])
    t.match(await pit('audit'), {
      code: 0,
      out: /pause default[^]*pause fallback[^]*resume default/,
    })
    const lines = (await pit('audit --json --last 1')).out
    t.match(JSON.parse(lines), { kind: 'resume', by: 'loopback', via: 'cli', reason: 'well' })
  },
)

t.test('a circuit that is held closed stays so, and is let go of by itself', async (t) => {
  const { one, pit, circuitAt } = await start(t)

  t.match(await pit('hold default closed --for 2s --reason test --yes'), {
    code: 0,
    out: /hold default closed until 20\S+Z, by loopback \(cli\): test\n/,
  })
  await waitUntil(
    { what: 'it is over' },
    async () => (await circuitAt(one, 'default')) === 'closed',
  )
  t.match(await pit('pause fallback --reason test'), {
    code: 2,
    err: 'nobody can be asked here; --yes needs nobody\n',
  })
})

t.test('an instance that is drained ends as by SIGTERM, and the other goes on', async (t) => {
  const { one, two, pit, post, charged } = await start(t)

  const drained = await pit('drain two --reason patch --yes')

  t.match(drained, { code: 0, out: /drain two, by loopback \(cli\): patch\n {4}two: obeys\n$/ })
  t.match(await two.pit.ended(), { code: 0 })
  await post(one)
  await waitUntil({ what: 'it is paid' }, () => (charged()[0] ?? 0) + (charged()[1] ?? 0) === 1)
  const again = await pit('drain two --reason patch --yes')
  const refusal = 'No instance is called two: one is known.\n'
  t.match(again, { code: 1, out: '', err: `400: ${refusal}` })
})

t.test('an instance that took the order to drain, and no longer answers, has obeyed', async (t) => {
  const run = async (line: string, answers: readonly object[]) => {
    const left = [{ by: 'loopback', token: 'x' }, ...answers]
    const port = createServer((request, response) => {
      const answer = left.shift()
      if (answer === undefined) request.socket.destroy()
      else response.setHeader('connection', 'close').end(JSON.stringify(answer))
    }).listen(0, '127.0.0.1')
    t.teardown(() => port.close())
    await once(port, 'listening')
    const url = `http://127.0.0.1:${(port.address() as AddressInfo).port}`
    const args = [...line.split(' '), '--reason', 'patch', '--yes', '--url', url]
    const { code, out, err } = await runPit(t, { program: CLI, args }).ended()
    return { code, out: out.replace(url, 'URL'), err: err.replace(url, 'URL') }
  }
  const taken = { id: 1, payload: {}, awaited: ['one'], result: {}, doneAt: null }
  const said = 'URL has taken the order and no longer answers\n'

  t.match(await run('drain one', [taken]), { code: 0, out: said, err: '' })
  t.match(await run('drain one', [taken, taken]), { code: 0, out: said, err: '' })
  t.match(await run('drain one', []), { code: 3, out: '', err: /URL gives no answer/ })
  t.match(await run('pause default', [taken]), { code: 3, out: '', err: said.trim() })
})

t.test('an order that the instances do not know has failed, and is shown so', async (t) => {
  const { one, pit, databaseUrl, circuitAt } = await start(t)
  // As a newer Pit writes it: a kind of its own, about what this one has no name for.
  await runSql(
    databaseUrl,
    `CREATE FUNCTION renew() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      NEW.kind := 'freeze'; NEW.payload := '{"processor": "third"}'; RETURN NEW;
    END $$;
    CREATE TRIGGER newer BEFORE INSERT ON commands FOR EACH ROW EXECUTE FUNCTION renew();`,
  )

  const given = await pit('pause default --reason late --yes')

  const met = / {4}one: does not know this command\n {4}two: does not know this command\n$/
  t.match(given, { code: 1, err: '', out: met })
  t.match(await pit('audit'), { code: 0, out: met })
  t.equal(await circuitAt(one, 'default'), 'closed')
})

t.test(
  'a reason of an older Pit forges no line of the audit, and a new one is refused',
  async (t) => {
    const { pit, one, databaseUrl } = await start(t)
    await runSql(
      databaseUrl,
      `INSERT INTO commands (by, via, kind, payload, reason, awaited)
     VALUES ('ana', 'cli', 'pause', '{"processor": "default"}', $1, '[]')`,
      ['late\n2  2026-01-01T00:00:00.000Z  resume default\u001B[1A\u202E'],
    )

    t.match(
      (await pit('audit')).out,
      /: late\\u000a2 {2}2026\S+ {2}resume default\\u001b\[1A\\u202e\n$/,
    )
    t.match(JSON.parse((await pit('audit --json')).out), { reason: /^late\n2.*\u202E$/ })
    const args = ['drain', 'two', '--yes', '--url', one.operators, '--reason', 'a\u001B[2Kb']
    const given = await runPit(t, { program: CLI, args }).ended()
    t.match(given, {
      code: 2,
      out: '',
      err: /^--reason: A reason is one line .* it has U\+001B\.\n$/,
    })
  },
)

t.test('with keys a command has the name of its key, and a viewer commands nothing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'pit-keys-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const [ana, vi] = [newKey(), newKey()]
  const lines = [
    keyLine(ana, { name: 'ana', scope: 'operate' }),
    keyLine(vi, { name: 'vi', scope: 'view' }),
  ]
  await writeFile(join(folder, 'keys'), lines.join('\n'))
  await writeFile(join(folder, 'ana'), `${ana}\n`)
  const { pit, databaseUrl } = await start(t, { KEYS_FILE: join(folder, 'keys') })
  const pause = 'pause default --reason late --yes'

  t.match(await pit(pause), { code: 2, out: '', err: /answers 401: Sign in with a key/ })
  for (const order of [pause, pause.replace('pause', 'resume'), pause.replace('pause', 'hold')]) {
    const line = order.replace('hold default', 'hold default open --for 1s')
    t.match(await pit(line, { PIT_KEY: vi }), { code: 1, out: '', err: /^403: This key may only/ })
  }
  t.match(await pit(pause, { PIT_KEY_FILE: join(folder, 'ana') }), { code: 0, out: /by ana/ })
  t.match(await pit('audit', { PIT_KEY: vi }), { code: 0, out: /pause default, by ana/ })
  t.same(await runSql(databaseUrl, 'SELECT by FROM commands'), [{ by: 'ana' }])
})
