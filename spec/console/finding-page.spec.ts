// Finding payments in the console: the view of all payments, addresses, focus and the keyboard, in a
// real browser.

import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { NO_BROWSER, openBrowser, openPage } from '../support/browser.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { startWorld } from '../support/system-world.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

const ROWS = 120

/** The id of the n-th settled payment, the first being the oldest. */
function id(n: number): string {
  return `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
}

/** A Pit that has settled some payments a day ago, a second apart. */
async function startSettled(t: Test): Promise<string> {
  const port = await freePort()
  const databaseUrl = await postgres.freshDatabase()
  await startWorld(t, { databaseUrl, env: { OPS_PORT: String(port) } })
  await runSql(
    databaseUrl,
    `INSERT INTO payments (correlation_id, amount_cents, state, processor, requested_at_ms,
      accepted_at, owner, attempts)
    SELECT (lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000')::uuid, 1000 + n, 1,
      1 + n % 2, at, to_timestamp(at / 1000.0), 1, '[]'
    FROM generate_series(1, ${ROWS}) n,
      LATERAL (SELECT (extract(epoch FROM now())::bigint - 86400 + n) * 1000 AS at) AS instants`,
  )
  return `http://127.0.0.1:${port}/`
}

async function idsIn(page: Page): Promise<readonly string[]> {
  return await page.locator('#found tbody a').allTextContents()
}

function hash(page: Page): string {
  return new URL(page.url()).hash
}

/** The payment whose row has the focus, else the element's own id. */
async function focused(page: Page): Promise<string> {
  return await page.evaluate<string>(
    'document.activeElement.dataset.payment ?? document.activeElement.id',
  )
}

t.test('a filter is in the address, and pages lead back and forth', { skip }, async (t) => {
  if (browser === undefined) return
  const url = await startSettled(t)
  const { page, faults } = await openPage(t, browser, { url, viewport: WIDE })

  await page.click('nav [data-screen=payments]')
  await page.locator('#found tbody tr').nth(49).waitFor()
  t.strictSame((await idsIn(page)).slice(0, 2), [id(ROWS), id(ROWS - 1)], 'the newest come first')
  const heads = await page.locator('#found th[scope=col]').allTextContents()
  t.strictSame(heads.slice(0, 3), ['payment', 'amount', 'state'])
  t.match(await page.textContent('#found tbody tr'), '11.20')

  await page.check('[name=state-settled]')
  await page.selectOption('[name=processor]', 'fallback')
  await page.fill('[name=amountMin]', '10.41')
  await page.press('[name=amountMin]', 'Enter')
  await page.waitForURL(/amountMin/)
  t.equal(hash(page), '#/payments?state=settled&processor=fallback&amountMin=10.41')
  // Numbers 41 to 119, every second one.
  await page.getByText('40 payments').waitFor()
  t.equal((await idsIn(page)).at(-1), id(41))

  await page.goBack()
  await page.getByText('50 payments').waitFor()
  t.notOk(await page.isChecked('[name=state-settled]'), 'Back shows the filter from before')
  await page.click('text=older →')
  await page.getByText(id(ROWS - 50)).waitFor()
  await page.click('text=older →')
  await page.getByText(id(1)).waitFor()
  t.equal((await idsIn(page)).length, 20)
  t.equal(await page.locator('text=older →').count(), 0, 'nothing is older')
  await page.reload()
  await page.getByText(id(1)).waitFor()
  t.equal((await idsIn(page)).length, 20, 'a reload shows the same page')
  await page.click('text=← newer')
  await page.getByText(id(ROWS - 50)).waitFor()
  t.equal((await idsIn(page)).length, 50)

  const csv = await page.getAttribute('text=CSV', 'href')
  const answer = await fetch(new URL(csv ?? '', url))
  const lines = (await answer.text()).split('\n')
  t.match(lines[1], id(ROWS - 50), 'the CSV begins with what is shown')
  t.equal(lines.length, 1 + (ROWS - 50) + 1)
  t.same(faults, [])
})

t.test('payments are found and read by keyboard, and focus comes back', { skip }, async (t) => {
  if (browser === undefined) return
  const url = await startSettled(t)
  const { page, faults } = await openPage(t, browser, { url, viewport: WIDE })
  await page.waitForSelector('body[data-link=live]')

  await page.keyboard.press('?')
  await page.waitForSelector('#help[open]')
  await page.keyboard.press('Escape')
  await page.keyboard.press('/')
  t.equal(await focused(page), 'find-id')
  await page.keyboard.type('jk/?no-uuid')
  await page.keyboard.press('Enter')
  await page.getByText('That is no UUID').waitFor()
  t.notMatch(hash(page), 'payments')

  await page.fill('#find-id', 'fffffff')
  await page.keyboard.press('Enter')
  await page.getByText('Nothing fits').waitFor()
  await page.evaluate(`location.hash = '#/payments?id=0000001'`)
  await page.getByText('16 payments').waitFor()
  t.equal(await focused(page), 'find-id', 'focus stays where a search found nothing')

  await page.keyboard.press('/')
  await page.fill('#find-id', '0000001')
  await page.keyboard.press('Enter')
  t.equal(hash(page), '#/payments?id=0000001', 'the beginning of an id is enough')
  await page.locator(`[data-payment="${id(16)}"]:focus`).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.press('Escape')
  t.not(await focused(page), 'find-id', 'Escape leaves the field')
  t.equal(await page.inputValue('#find-id'), '', 'and empties it')
  for (const key of ['j', 'j', 'j', 'k']) await page.keyboard.press(key)
  t.equal(await focused(page), id(17))
  await page.keyboard.press('Enter')
  await page.locator('#drawer .status').waitFor()
  t.equal(hash(page), `#/payments/${id(17)}`)
  t.equal(await focused(page), 'drawer-title', 'focus goes in')
  await page.keyboard.press('Escape')
  t.equal(await focused(page), id(17), 'and back to its row')
  await page.waitForURL(/#\/payments\?id=0000001$/)

  await page.goForward()
  await page.locator('#drawer .status').waitFor()
  await page.reload()
  await page.locator('#drawer .status').waitFor()
  t.match(await page.textContent('#drawer-body'), id(17), 'a reload keeps it open')
  t.equal(await page.locator('#found tbody tr').count(), 16, 'over the same list')
  await page.goBack()
  await page.waitForSelector('#drawer', { state: 'hidden' })
  t.same(faults, [])
})

t.test('the list of a state is linked to, and a payment leads back to it', { skip }, async (t) => {
  if (browser === undefined) return
  const url = await startSettled(t)
  const { page, faults } = await openPage(t, browser, { url: `${url}#/states/settled` })

  await page.locator('#drawer .found tbody tr').nth(99).waitFor()
  t.match(await page.textContent('#drawer .found thead'), 'amount')
  await page.click(`#drawer [data-payment="${id(ROWS - 3)}"]`)
  await page.locator('#drawer .status').waitFor()
  t.equal(hash(page), `#/payments/${id(ROWS - 3)}`)
  await page.click('#drawer-back')
  await page.locator(`[data-payment="${id(ROWS - 3)}"]:focus`).waitFor()
  t.equal(hash(page), '#/states/settled')
  await page.click('#drawer-close')
  await page.waitForURL(/#\/$/)
  t.notOk(await page.isVisible('#drawer'))

  await page.goto(`${url}#/states/nothing`)
  await page.getByText('There is no such state').waitFor()
  await page.click('#drawer-close')
  await page.waitForURL(/#\/$/)
  await page.goto(`${url}#/payments?state=none&amountMin=x`)
  await page.getByText('state takes parked').waitFor()
  t.same(faults, [])
})

t.test('the view of all payments fits a phone, for fingers', { skip }, async (t) => {
  if (browser === undefined) return
  const url = await startSettled(t)
  const { page } = await openPage(t, browser, { url: `${url}#/payments`, viewport: PHONE })
  await page.locator('#found tbody tr').nth(49).waitFor()

  t.equal(await page.evaluate('document.documentElement.scrollWidth'), PHONE.width)
  const small = `[...document.querySelectorAll('#payments :is(a, button, input, select), nav a')]
    .filter((each) => each.checkVisibility())
    .map((each) => [each.textContent || each.name, each.getBoundingClientRect()])
    .filter(([, { width, height }]) => Math.min(width, height) < 24)
    .map(([name, { width, height }]) => name + ' ' + width + ' ' + height)`
  t.same(await page.evaluate(small), [])
  t.equal(await page.getAttribute('#found .scroll', 'tabindex'), '0', 'it scrolls by keyboard')
})

const WIDE = { width: 1440, height: 1060 }
const PHONE = { width: 390, height: 1560 }
