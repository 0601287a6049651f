// Two instances behind nginx under the challenge's load, and what clients reach of them.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runChallenge } from '../../bench/challenge/run.ts'
import { findSchedule } from '../../bench/challenge/stages.ts'
import { GIVE_UP_MS } from '../../bench/layout/wait.ts'
import { parseTarget } from '../../bench/load/target.ts'
import { whileRefused } from '../support/system-client.ts'
import { missingPrograms, startSpecLayout } from '../support/system-layout.ts'

/** The challenge delays a processor by up to 5 s, whatever the length of the load. */
const SETTLE_BY_MS = 6_500

const reason = missingPrograms()
if (reason === undefined) await specify()
else t.plan(0, reason)

async function specify(): Promise<void> {
  const world = await startSpecLayout(t, {
    IN_DOUBT_HORIZON_MS: String(SETTLE_BY_MS),
    ATTEMPT_TIMEOUT_MS: '3000',
  })
  const { layout, client, direct, pits, processors } = world

  t.test('a shortened challenge ends with consistent books and nothing waiting', async (t) => {
    const result = await runChallenge(
      {
        pit: parseTarget(layout.url),
        default: parseTarget(layout.processors?.default.url ?? ''),
        fallback: parseTarget(layout.processors?.fallback.url ?? ''),
        token: '123',
        seconds: 20,
        users: 120,
        stages: findSchedule('challenge'),
        weight: 'light',
        // Only a Pit that loses payments takes as long.
        settleSeconds: GIVE_UP_MS / 1_000,
        readyTries: 1,
        requestTimeoutMs: GIVE_UP_MS,
      },
      { onNote: (note) => t.comment(note), onLoadStarted: () => {}, onLoadEnded: () => {} },
    )

    const { failed, failuresByStatus, accepted, settlement, inconsistencies } = result
    t.ok(accepted > 0, `${accepted} payments`)
    t.match(settlement, { booksEqual: true, lost: 0, surplus: 0 })
    t.strictSame(settlement.differingWindows, [])
    // Pit refuses payments when the machine stalls; one that was answered 503 may still settle.
    t.strictSame(failuresByStatus, failed === 0 ? {} : { 503: failed })
    t.ok(settlement.settled >= accepted && settlement.settled <= accepted + failed)
    t.ok(settlement.books.pit.default.payments > 0)
    t.ok(settlement.books.pit.fallback.payments > 0)
    // While the load runs a window may be asked for before a slow machine has the answers in it.
    t.comment(`${inconsistencies} inconsistencies while it ran, ${failed} payments refused`)
    for (const { name } of failed > 0 ? pits : []) {
      t.comment(name, warningsOf(join(layout.dir, `${name}.log`)))
    }
  })

  t.test('clients reach only the payment paths through nginx', async (t) => {
    await world.purge()
    const id = randomUUID()
    const status = (body: string) => client.status('POST', '/payments', body)
    const post = (amountCents: number) =>
      whileRefused(() => client.post({ correlationId: id, amountCents }))

    t.equal(await post(1_990), 202)
    t.equal(await post(1_990), 202)
    t.equal(await post(1_991), 409)
    for (const body of ['', '{', '[]', '{"amount":1}', `{"correlationId":"${id}","amount":0}`]) {
      t.equal(await status(body), 400, body)
    }
    t.equal(await status(`{"pad":"${'x'.repeat(8_000)}"}`), 413, 'beyond the bound of Pit')
    t.equal(await status(`{"pad":"${'x'.repeat(20_000)}"}`), 413, 'beyond the bound of nginx')
    t.equal(await client.paymentStatus(randomUUID()), 'missing')
    t.equal(await client.status('GET', '/payments-summary?from=yesterday'), 400)
    for (const path of ['/healthz', '/readyz', '/metrics', '/', '/console', '/payment', '/nginx']) {
      t.equal(await client.status('GET', path), 404, path)
    }
    for (const pit of pits) t.equal((await fetch(`${pit.opsUrl}/readyz`)).status, 200, pit.name)
    await world.booksAgree(t)
  })

  t.test('a request with too many headers is answered, and not taken for an outage', async (t) => {
    const headers = Object.fromEntries(Array.from({ length: 150 }, (_, at) => [`x-${at}`, '1']))

    const answer = await fetch(`${layout.url}/payments/${randomUUID()}`, { headers })

    t.equal(answer.status, 404)
  })

  t.test('an id posted to both instances at once is one payment', async (t) => {
    await world.purge()
    const payments = Array.from({ length: 50 }, () => {
      return { correlationId: randomUUID(), amountCents: 123 }
    })

    const answers = await Promise.all(
      payments.flatMap((payment) =>
        direct.map((instance) => whileRefused(() => instance.post(payment))),
      ),
    )

    t.strictSame([...new Set(answers)], [202])
    await world.booksAgree(t)
    const totals = await processors.totals()
    t.equal(totals.default.payments + totals.fallback.payments, payments.length)
  })
}

function warningsOf(logPath: string): string {
  const lines = readFileSync(logPath, 'utf8').split('\n')
  return lines.filter((line) => /"level":"(warn|error)"/.test(line)).join('\n')
}
