// From the books to the payments that differ: the click, the address, and the way back.

import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { NO_BROWSER, openBrowser, openPage, seriousViolations } from '../support/browser.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { PHONE, startWatched, WIDE, type WatchedPit } from '../support/watched-console.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

/** A Pit in whose books one payment of twenty has another amount than at its processor. */
async function startDiffering(t: Test): Promise<WatchedPit & { readonly id: string }> {
  // However slow the machine is, the cheaper processor is neither late nor does it fail.
  const patient = {
    ROUTE_SLOW_MS: '60000',
    ROUTE_WAIT_MAX_MS: '60000',
    ATTEMPT_TIMEOUT_MS: '5000',
    CONNECT_TIMEOUT_MS: '3000',
    IN_DOUBT_HORIZON_MS: '6000',
  }
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
      await page.waitForURL(`${url}#/books/default`)
      await page.locator('.found a', { hasText: id }).waitFor()
      await page.locator('#drawer-body', { hasText: /Searched from/ }).waitFor()
      t.match(await page.textContent('.found tbody'), /0.01 settled at default/)
      t.same(await seriousViolations(page), [])

      await page.click('.found a')
      await page.waitForSelector('.attempts li')
      await page.click('#drawer-back')
      await page.locator('.found a', { hasText: id }).waitFor()
      await page.goBack()
      await page.waitForSelector('#drawer', { state: 'hidden' })
      t.equal(page.url(), url)
      t.same(faults, [])
    },
  )
}

t.test('a link opens the sheet, and a search that has failed begins again', { skip }, async (t) => {
  if (browser === undefined) return
  const { url } = await startWatched(t, postgres)
  const search = { processor: 'default', from: 0, to: 1, found: [] }
  const failed = { ...search, run: 1, state: 'failed', why: 'it was down' }
  const whole = { ...search, run: 2, state: 'whole' }
  let answer: object = failed
  const asked = new Set<string>()
  const prepare = async (page: Page): Promise<void> => {
    await page.route('**/console/books/**', (route) => {
      const { pathname, search: query } = new URL(route.request().url())
      asked.add(`${pathname}${query}`)
      return route.fulfill({ json: answer })
    })
  }
  const { page } = await openPage(t, browser, { url: `${url}#/books/default`, prepare })

  const says = (words: string) => page.locator('#drawer-body', { hasText: words }).waitFor()
  await says('ended early, and begins again: it was down')
  answer = whole
  await says('No difference found')
  t.strictSame([...asked], ['/console/books/default'], 'the number of a failed one is let go')
  await page.waitForRequest('**/console/books/default?run=2')
})
