// A payment in doubt that no processor says anything of, resolved by a person over one of two instances.

import t, { type Test } from 'tap'
import { waitUntil } from '../../bench/layout/wait.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { startTwoPits } from '../support/two-pits.ts'

const postgres = await startPostgres(t)

/** Records each charge, hangs up, and finds nothing. */
const SILENT = {
  charge: [{ kind: 'resetAfterRecord', share: 1 }],
  lookUp: [{ kind: 'fail', share: 1 }],
}

/** Both instances, and a payment of the other one that is in doubt at `default`. */
async function start(t: Test) {
  const pits = await startTwoPits(t, { databaseUrl: await postgres.freshDatabase() })
  const processor = pits.simulators[0]?.url ?? ''
  const answer = await fetch(`${processor}/admin/configurations/faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', 'x-rinha-token': '123' },
    body: JSON.stringify(SILENT),
  })
  t.equal(answer.status, 200)
  const id = await pits.post(pits.two)
  const status = async (): Promise<Record<string, unknown>> =>
    (await (await fetch(`${pits.two.url}/payments/${id}`)).json()) as Record<string, unknown>
  await waitUntil(
    { what: 'it is in doubt' },
    async () => (await status())['state'] === 'confirming',
  )
  return { ...pits, id, status }
}

t.test('a payment in doubt that was never settled there is charged again elsewhere', async (t) => {
  const { pit, id, status, databaseUrl } = await start(t)
  t.match(await pit('pause default --reason lost --yes'), { code: 0 })

  const wrong = await pit(`resolve ${id} --never fallback --reason lost --yes`)
  t.match(wrong, {
    code: 1,
    out: /refused: the payment is not in doubt there; nothing was changed/,
  })
  t.match(await pit(`resolve ${id} --never default --reason lost`), {
    code: 2,
    err: 'nobody can be asked here; --yes needs nobody\n',
  })
  const resolved = await pit(`resolve ${id} --never default --reason lost --yes`)

  t.match(resolved, { code: 0, err: '' })
  t.match(
    resolved.out,
    new RegExp(
      `resolve ${id} never default, by loopback \\(cli\\): lost\\n {4}\\w+: carried out\\n$`,
    ),
  )
  await waitUntil({ what: 'it is settled' }, async () => (await status())['state'] === 'settled')
  t.match(await status(), { processor: 'fallback' })
  t.match(await pit(`resolve ${id} --never --everywhere --reason lost --yes`), {
    code: 1,
    out: /refused: the payment is settled; nothing was changed/,
  })
  const given = await runSql(databaseUrl, "SELECT result FROM commands WHERE kind = 'resolve'")
  t.equal(given.length, 3, 'what was refused is in the ledger, too')
  t.match(await pit('audit'), { code: 0, out: /refused[^]*carried out[^]*refused/ })
})

t.test(
  'a payment in doubt that is settled there is booked so, and unknown ones are not',
  async (t) => {
    const { pit, id, status, databaseUrl } = await start(t)
    const { attempts } = await status()
    const [{ requestedAt = '' } = {}] = attempts as readonly { readonly requestedAt?: string }[]
    const settled = (of: string, at = requestedAt, more = '') =>
      pit(`resolve ${of} --settled default --at ${at}${more} --reason seen --yes`)

    const fits = new RegExp(
      String.raw` \(accepted 20\S+Z; known attempts at default: ${requestedAt}\)`,
    )
    for (const at of ['2020-01-01T00:00:00Z', new Date(Date.now() + 86_400_000).toISOString()]) {
      const refused = await settled(id, at, ' --unlisted')
      t.match(refused, { code: 1, out: /nothing is requested before it is accepted, or later/ })
      t.match(refused.out, fits)
    }
    const between = new Date(Date.parse(requestedAt) + 1).toISOString()
    const unlisted = await settled(id, between)
    t.match(unlisted, { code: 1, out: /no known attempt has this instant; --unlisted books it/ })
    t.match(unlisted.out, fits)
    t.match(await settled(crypto.randomUUID()), { code: 1, out: /refused: no payment has this id/ })
    t.match(await settled(id), { code: 0, out: / settled at 20\S+Z, by loopback \(cli\): seen\n/ })

    t.match(await status(), { state: 'settled', processor: 'default', requestedAt })
    const totals = 'SELECT sum(payments)::int AS payments FROM settled_totals WHERE level = 3'
    t.same(await runSql(databaseUrl, totals), [{ payments: 1 }])
  },
)
