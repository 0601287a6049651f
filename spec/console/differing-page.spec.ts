// From the books to the payments that differ: the click, the address, the way back, and the refusal
// of a second search.

import axe from 'axe-core'
import t, { type Test } from 'tap'
import { NO_BROWSER, openBrowser, openPage } from '../support/browser.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { PHONE, startWatched, WIDE, type WatchedPit } from '../support/watched-console.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

/** A Pit in whose books one payment of twenty has another amount than at its processor. */
async function startDiffering(t: Test): Promise<WatchedPit & { readonly id: string }> {
  // However slow the machine is, the cheaper processor is not late.
  const patient = { ROUTE_SLOW_MS: '60000', ROUTE_WAIT_MAX_MS: '60000' }
  const pit = await startWatched(t, postgres, { PROCESSOR_TOKEN: '123', ...patient })
  await pit.world.client.postAll(20)
  await pit.world.booksAgree(t)
  const [id = ''] = pit.world.client.register.keys()
  await runSql(
    pit.databaseUrl,
    `UPDATE payments SET amount_cents = 1 WHERE correlation_id = '${id}'`,
  )
  return { ...pit, id }
}

for (const [name, shown] of Object.entries({
  light: { viewport: WIDE, colorScheme: 'light' },
  dark: { viewport: WIDE, colorScheme: 'dark' },
  'a phone': { viewport: PHONE, colorScheme: 'light' },
} as const)) {
  t.test(
    `books lead to the payments that differ, and Back leads back, ${name}`,
    { skip },
    async (t) => {
      if (browser === undefined) return
      const { url, id } = await startDiffering(t)
      const { page, faults } = await openPage(t, browser, { url, ...shown })

      await page.click('#books a.chip')
      t.equal(new URL(page.url()).hash, '#/books/default')
      await page.locator('.found a', { hasText: id }).waitFor()
      await page.locator('#drawer-body', { hasText: /Searched from/ }).waitFor()
      t.match(await page.textContent('.found tbody'), /0.01 settled at default/)
      await page.evaluate(axe.source)
      const { violations } = await page.evaluate<axe.AxeResults>('axe.run()')
      const serious = violations.filter(
        ({ impact }) => impact === 'serious' || impact === 'critical',
      )
      t.same(
        serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join()}`),
        [],
      )

      await page.click('.found a')
      await page.waitForSelector('.attempts li')
      await page.click('#drawer-back')
      await page.locator('.found a', { hasText: id }).waitFor()
      await page.goBack()
      await page.waitForSelector('#drawer', { state: 'hidden' })
      t.equal(new URL(page.url()).hash, '#/')
      t.same(faults, [])
    },
  )
}

t.test('a link to the payments that differ opens them', { skip }, async (t) => {
  if (browser === undefined) return
  const { url, world, id } = await startDiffering(t)
  await world.simulators.default.close()
  const { page } = await openPage(t, browser, { url: `${url}#/books/default` })

  await page
    .locator('#drawer-body', { hasText: /ended early: the books of processor default/ })
    .waitFor()
  t.notMatch(await page.textContent('#drawer-body'), id)
})

t.test('one search runs at a time, and is read by its number', async (t) => {
  const { url, world } = await startDiffering(t)
  const ask = async (path: string) => {
    const answer = await fetch(`${url}console/books/${path}`)
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  world.simulators.default.setDelay(60_000)

  const first = await ask('default')
  t.match(first, { status: 200, body: { run: 1, state: 'running', processor: 'default' } })
  t.match(await ask('default'), { body: { run: 1 } }, 'who asks for the same sees that one')
  const refused = await ask('fallback')
  t.equal(refused.status, 409)
  t.match(refused.body['detail'], /one search at a time/)
  t.match(await ask('default?run=1'), { status: 200 })
  t.match(await ask('default?run=2'), { status: 404, body: { detail: /open the books again/ } })
  t.equal((await ask('other')).status, 404)
})

t.test('without a token for the processors’ books the page says that it cannot ask', async (t) => {
  const { url } = await startWatched(t, postgres)

  const answer = await fetch(`${url}console/books/default`)

  t.equal(answer.status, 409)
  t.match(await answer.text(), 'Without PROCESSOR_TOKEN')
})
