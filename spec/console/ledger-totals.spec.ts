// The console's totals are the ledger's own, over restarts and redrives.

import t from 'tap'
import { openTables } from '../../src/operator/pit-books.ts'
import { readRejectedOptions, runRejected } from '../../src/operator/rejected-command.ts'
import { NO_BROWSER, openBrowser, openPage } from '../support/browser.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { startWatched, WIDE } from '../support/watched-console.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

t.test('after a restart tiles, states and processors have all payments', { skip }, async (t) => {
  if (browser === undefined) return
  const { world, url } = await startWatched(t, postgres)
  await world.client.postAll(12)
  await world.booksAgree(t)
  await world.restart()

  const { page, faults } = await openPage(t, browser, { url, viewport: WIDE })

  await page.locator('#state-settled .count', { hasText: /^12$/ }).waitFor()
  for (const name of ['accepted', 'settled']) {
    t.equal(await page.textContent(`[data-tile=${name}] dd`), '12', name)
  }
  t.match(await page.textContent('[data-tile=refused]'), /answered 503 since \d\d:\d\d/)
  t.not(await page.textContent('[data-tile=paid] dd'), '0.00')
  const settled = '#processors dl div:first-child dd'
  const counts = (await page.locator(settled).allTextContents()).map(Number)
  t.equal(counts[0] !== undefined && counts[1] !== undefined && counts[0] + counts[1], 12)
  t.same(faults, [])
})

t.test(
  'a rejected payment that was redriven and settled is rejected no longer',
  { skip },
  async (t) => {
    if (browser === undefined) return
    const { url, databaseUrl } = await startWatched(t, postgres)
    await runSql(
      databaseUrl,
      `INSERT INTO payments (correlation_id, amount_cents, state) VALUES ('${ID}', 1990, 2)`,
    )
    const { page, faults } = await openPage(t, browser, { url, viewport: WIDE })
    await page.locator('[data-tile=rejected][data-tone=bad] dd', { hasText: /^1$/ }).waitFor()
    t.equal(await page.textContent('[data-tile=accepted] dd'), '1')

    const pool = openTables(databaseUrl)
    t.teardown(() => pool.close())
    const options = readRejectedOptions(['--redrive', ID])
    if (options.kind === 'help') throw new Error('a redrive is no help')
    const tool = { pool, write: () => undefined, confirm: undefined }
    t.equal(await runRejected(options, tool), 0)

    await page.locator('#state-settled .count', { hasText: /^1$/ }).waitFor()
    await page.locator('[data-tile=rejected]:not([data-tone=bad]) dd', { hasText: /^0$/ }).waitFor()
    t.equal(await page.textContent('#state-rejected .count'), '0')
    t.same(faults, [])
  },
)

t.test('after a purge totals and books begin anew', { skip }, async (t) => {
  if (browser === undefined) return
  const { world, url } = await startWatched(t, postgres, { ALLOW_PURGE: '1' })
  await world.client.postAll(12)
  await world.booksAgree(t)
  const { page, faults } = await openPage(t, browser, { url, viewport: WIDE })
  await page.locator('#state-settled .count', { hasText: /^12$/ }).waitFor()
  await page.locator('#books', { hasText: 'add up from' }).waitFor()

  const purged = await fetch(`http://127.0.0.1:${world.pits[0]?.port}/purge-payments`, {
    method: 'POST',
  })

  t.equal(purged.ok, true)
  await page.locator('#state-settled .count', { hasText: /^0$/ }).waitFor()
  await page.locator('#books tr', { hasText: /^our rows––$/ }).waitFor()
  t.same(faults, [])
})

const ID = '7c0ffee0-0000-4000-8000-000000000001'
