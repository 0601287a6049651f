// Orders over the console in a real browser: given with a reason, obeyed, and listed.

import t, { type Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { NO_BROWSER, openBrowser, openPage } from '../support/browser.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { startWorld } from '../support/system-world.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

async function start(t: Test, env: Readonly<Record<string, string>> = {}) {
  const opsPort = await freePort()
  const databaseUrl = await postgres.freshDatabase()
  await startWorld(t, { databaseUrl, env: { OPS_PORT: String(opsPort), ...env } })
  return { databaseUrl, url: `http://127.0.0.1:${opsPort}` }
}

t.test('a processor is paused and resumed by clicks, each with a reason', { skip }, async (t) => {
  if (browser === undefined) return
  const { url, databaseUrl } = await start(t)
  const { page, faults } = await openPage(t, browser, { url })
  await page.locator('#orders', { hasText: 'none yet' }).waitFor()

  await page.click('[data-orders=default] >> text=Pause')
  await page.locator('#order-title', { hasText: 'Pause default?' }).waitFor()
  await page.click('#order-give')
  t.ok(await page.isVisible('#order'), 'without a reason nothing is ordered')
  await page.fill('#order-reason', 'it is late')
  await page.click('#order-give')
  await page.locator('#orders', { hasText: 'it is late. spec-1 obeys, it was closed' }).waitFor()
  await page.locator('#processors', { hasText: 'paused by loopback: it is late' }).waitFor()

  await page.click('[data-orders=default] >> text=Resume')
  await page.fill('#order-reason', 'it is well')
  await page.click('#order-give')
  await page.locator('#orders', { hasText: 'it is well. spec-1 obeys, it was heldOpen' }).waitFor()
  await page.click('[data-orders=fallback] >> text=Hold closed')
  await page.fill('#order-reason', 'a test')
  await page.click('#order-give')
  await page.locator('#orders', { hasText: 'hold fallback closed until' }).waitFor()
  t.same(await runSql(databaseUrl, 'SELECT kind, by, via FROM commands ORDER BY id'), [
    { kind: 'pause', by: 'loopback', via: 'console' },
    { kind: 'resume', by: 'loopback', via: 'console' },
    { kind: 'hold', by: 'loopback', via: 'console' },
  ])
  t.same(faults, [])
})

t.test('who only looks sees the orders and no buttons', { skip }, async (t) => {
  if (browser === undefined) return
  const { url } = await start(t, { OPS_HOST: '0.0.0.0' })
  const { page } = await openPage(t, browser, { url })
  await page.waitForSelector('body[data-frames][data-scope=view]')
  await page.locator('#orders', { hasText: 'none yet' }).waitFor()

  t.notOk(await page.isVisible('#order-buttons'))
})
