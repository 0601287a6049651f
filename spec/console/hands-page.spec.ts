// What operators do about payments in a real browser: about one on its own page, about all of a list.

import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { uuid } from '../contracts/ledger-words.ts'
import { NO_BROWSER, openBrowser, openPage, seriousViolations } from '../support/browser.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { PHONE, startWatched, WIDE } from '../support/watched-console.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

/** Nothing that is parked is due before a spec is over. */
const WAITING = { RETRY_DELAY_MS: '600000', RETRY_DELAY_MAX_MS: '3600000' }

const SENT = Date.UTC(2026, 0, 31, 12, 0, 0, 123)

/** Payments 1 to 3 are rejected; 4 and 5 are parked, in doubt at default and at both. */
async function start(t: Test, env: Readonly<Record<string, string>> = {}) {
  const { url, databaseUrl } = await startWatched(t, postgres, { ...WAITING, ...env })
  const sql = (text: string) => runSql(databaseUrl, text)
  const denied = JSON.stringify([
    { processor: 'default', requestedAt: SENT, reason: 'cheaper', outcome: 'denied', tookMs: 1 },
  ])
  await sql(`INSERT INTO payments (correlation_id, amount_cents, state, owner, accepted_at, attempts)
    SELECT id, 1990, 2, 1, now(), '${denied}'
    FROM (VALUES ('${uuid(1)}'::uuid), ('${uuid(2)}'), ('${uuid(3)}')) AS v (id)`)
  await sql(`INSERT INTO payments (correlation_id, amount_cents, state, accepted_at, due_at, attempts,
      default_doubt_until_ms, default_doubt_requested_at_ms, fallback_doubt_until_ms)
    SELECT id, 1990, 0, now(), now() + interval '50 min', '[]', ${SENT}, ${SENT}, until
    FROM (VALUES ('${uuid(4)}'::uuid, NULL), ('${uuid(5)}', ${SENT})) AS v (id, until)`)
  return { url, sql }
}

async function focusedText(page: Page): Promise<string> {
  return await page.evaluate<string>('document.activeElement.textContent')
}

async function meet(page: Page, text: string): Promise<void> {
  await page.locator('#order-met', { hasText: text }).waitFor()
}

t.test('a rejected payment is redriven from its own page, by keyboard', { skip }, async (t) => {
  if (browser === undefined) return
  const { url, sql } = await start(t)
  const { page, faults } = await openPage(t, browser, { url: `${url}#/payments/${uuid(1)}` })
  const redrive = page.locator('#drawer-body .hands >> text=Redrive')
  await page.waitForSelector('body[data-frames]')
  await redrive.waitFor()
  await redrive.focus()

  await page.keyboard.press('Enter')
  await page.locator('#order-about', { hasText: '19.90 goes to the processors again' }).waitFor()
  t.equal(await page.evaluate('document.activeElement.id'), 'order-reason', 'focus goes in')
  await page.keyboard.press('Escape')
  await page.waitForSelector('#order', { state: 'hidden' })
  t.equal(await focusedText(page), 'Redrive', 'and back')
  t.ok(await page.isVisible('#drawer'), 'the sheet stays')
  await page.keyboard.press('Enter')
  await page.locator('#order-give:enabled').waitFor()
  await page.keyboard.press('Enter')
  t.ok(await page.isVisible('#order-give'), 'without a reason nothing is ordered')
  await page.keyboard.type('their ticket')
  await page.keyboard.press('Enter')
  await meet(page, '1 of 1 payments redriven')
  t.equal(await focusedText(page), 'Close')
  await page.keyboard.press('Enter')
  await page.waitForSelector('#order', { state: 'hidden' })

  await page.locator('#drawer .status', { hasText: 'settled' }).waitFor()
  t.equal(await redrive.count(), 0, 'what is settled has no such button')
  const given = 'SELECT kind, by, via, reason FROM commands'
  const row = { kind: 'redrive', by: 'loopback', via: 'console', reason: 'their ticket' }
  t.same(await sql(given), [row])
  await page.click('#drawer-close')
  await page
    .locator('#orders', { hasText: `redrive ${uuid(1)}, by loopback (console): their ticket` })
    .waitFor()
  t.same(faults, [])
})

t.test('a payment in doubt is resolved once what follows was said yes to', { skip }, async (t) => {
  if (browser === undefined) return
  const { url, sql } = await start(t)
  const { page, faults } = await openPage(t, browser, { url: `${url}#/payments/${uuid(5)}` })
  await page.click('#drawer-body .hands >> text=Resolve')
  const choices = await page.locator('#resolve-to option').allTextContents()
  t.same(choices, [
    'settled at default',
    'settled at fallback',
    'never settled at default',
    'never settled at fallback',
    'never settled at default and fallback',
  ])
  t.match(await page.textContent('.meant'), /^19\.90 is booked as settled at default/)
  t.equal(await page.inputValue('#resolve-at'), new Date(SENT).toISOString())
  await page.check('#resolve-meant')

  await page.selectOption('#resolve-to', { label: 'never settled at fallback' })
  t.match(await page.textContent('.meant'), /^19\.90 may be charged again.*it is paid twice/)
  t.notOk(await page.isChecked('#resolve-meant'), 'another choice is another yes')
  t.notOk(await page.isVisible('#resolve-at'))
  await page.selectOption('#resolve-to', { label: 'settled at default' })
  await page.fill('#order-reason', 'their books')
  await page.click('#order-give')
  t.same(await sql('SELECT FROM commands'), [], 'without a yes nothing is ordered')
  await page.fill('#resolve-at', '31 January')
  await page.check('#resolve-meant')
  await page.click('#order-give')
  t.same(await sql('SELECT FROM commands'), [], 'nor without an instant')
  await page.fill('#resolve-at', '2026-01-31T14:00:00.123+01:00')
  t.match(await page.textContent('.meant'), /No attempt that is known there has that instant\.$/)
  await page.check('#resolve-meant')
  await page.click('#order-give')
  await meet(page, 'nothing is requested before it is accepted, or later than now (accepted 20')
  await page.click('#order-cancel')
  await page.click('#drawer-body .hands >> text=Resolve')
  const known = page.locator('#resolve-instants option')
  t.equal(await known.getAttribute('value'), new Date(SENT).toISOString())
  await page.check('#resolve-meant')
  await page.fill('#resolve-at', '2026-01-31T14:00:00.123+01:00')
  t.notOk(await page.isChecked('#resolve-meant'), 'an instant of no attempt is another yes')
  await page.fill('#order-reason', 'their books')
  await page.fill('#resolve-at', '2026-01-31T13:00:00.123+01:00')
  await page.check('#resolve-meant')
  await page.click('#order-give')

  await meet(page, 'spec-1 found it in doubt, and did it')
  t.match(await sql('SELECT kind, via, payload, reason FROM commands ORDER BY id'), [
    { payload: { to: 'settled', unlisted: true } },
    {
      kind: 'resolve',
      via: 'console',
      payload: { correlationId: uuid(5), to: 'settled', processor: 'default', requestedAt: SENT },
      reason: 'their books',
    },
  ])
  await page.click('#order-cancel')
  await page.locator('#drawer .status', { hasText: 'settled' }).waitFor()
  t.same(faults, [])
})

t.test('all that a list has are counted, and then ordered', { skip }, async (t) => {
  if (browser === undefined) return
  const { url, sql } = await start(t)
  const { page, faults } = await openPage(t, browser, { url: `${url}#/states/rejected` })

  await page.click('#drawer-body >> text=Redrive all')
  const about = page.locator('#order-about')
  await about.filter({ hasText: '3 payments, 59.70 in all, rejected' }).waitFor()
  await page.keyboard.press('Escape')
  await page.goto(`${url}#/payments?state=parked,rejected&amountMax=19.90`)
  await page.getByText('5 payments').waitFor()
  await page.click('#found-links >> text=Redrive all')
  await about.filter({ hasText: '3 payments, 59.70 in all, rejected' }).waitFor()
  await page.fill('#order-reason', 'both are well')
  await page.click('#order-give')
  await meet(page, '3 of 3 payments redriven')
  await page.click('#order-cancel')
  await page.click('#found-links >> text=Look up all in doubt')
  await about.filter({ hasText: '2 payments, 39.80 in all, in doubt' }).waitFor()
  await page.fill('#order-reason', 'its books are back')
  await page.click('#order-give')
  await meet(page, '2 of 2 payments due')
  await page.click('#order-cancel')
  await page.click('#found-links >> text=Redrive all')
  await page.locator('#order-said', { hasText: 'No payment of this list is rejected' }).waitFor()
  t.ok(await page.isDisabled('#order-give'))

  t.same(await sql("SELECT kind, payload->>'about' AS about FROM commands ORDER BY id"), [
    { kind: 'redrive', about: 'state=rejected&amountMax=19.90' },
    { kind: 'lookUp', about: 'state=parked&amountMax=19.90' },
  ])
  t.same(faults, [])
})

t.test('who only looks sees no such button, and a stale page is told so', { skip }, async (t) => {
  if (browser === undefined) return
  const viewed = await start(t, { OPS_HOST: '0.0.0.0' })
  const { page: other } = await openPage(t, browser, { url: `${viewed.url}#/payments/${uuid(5)}` })
  await other.waitForSelector('body[data-scope=view]')
  await other.locator('#drawer .status').waitFor()
  t.equal(await other.locator('.hands:visible').count(), 0)

  const { url, sql } = await start(t)
  const prepare = async (page: Page): Promise<void> => {
    await page.route('**/console/access', async (route) => {
      const answer = await route.fetch()
      const told = (await answer.json()) as object
      await route.fulfill({ json: { ...told, token: 'of an earlier process' } })
    })
  }
  const { page } = await openPage(t, browser, { url: `${url}#/payments/${uuid(4)}`, prepare })
  await page.click('#drawer-body .hands >> text=Look up now')
  await page.fill('#order-reason', 'late')
  await page.click('#order-give')
  await page.locator('#order-said', { hasText: 'This page is of an earlier process' }).waitFor()
  t.same(await sql('SELECT FROM commands'), [])
})

const APPEARANCES = [
  { name: 'light', viewport: WIDE, colorScheme: 'light' },
  { name: 'dark', viewport: WIDE, colorScheme: 'dark' },
  { name: 'a phone', viewport: PHONE, colorScheme: 'light' },
] as const

for (const { name, ...shown } of APPEARANCES) {
  t.test(`axe-core finds nothing serious in what is asked, ${name}`, { skip }, async (t) => {
    if (browser === undefined) return
    const { url } = await start(t)
    const { page } = await openPage(t, browser, { url: `${url}#/payments/${uuid(5)}`, ...shown })
    await page.locator('#drawer-body .hands >> text=Resolve').waitFor()
    t.same(await seriousViolations(page), [], 'the buttons')
    await page.click('#drawer-body .hands >> text=Resolve')
    t.same(await seriousViolations(page), [], 'an order about one')
    const outside = `document.querySelector('#order').scrollWidth > document.querySelector('#order').clientWidth`
    t.equal(await page.evaluate(outside), false)
    await page.keyboard.press('Escape')
    await page.goto(`${url}#/states/parked`)
    await page.click('#drawer-body >> text=Look up all in doubt')
    await page.locator('#order-give:enabled').waitFor()
    t.same(await seriousViolations(page), [], 'an order about all')
    await page.fill('#order-reason', 'a test')
    await page.click('#order-give')
    await meet(page, '2 of 2 payments due')
    t.same(await seriousViolations(page), [], 'what it met')
  })
}
