// The console in a real browser, over a real Pit.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { NO_BROWSER, openBrowser, openPage } from '../support/browser.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { PROJECT } from '../support/sources.ts'
import { startWorld, type World } from '../support/system-world.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

/** Pictures for the documents are taken only when they are asked for. */
const NO_PICTURES =
  process.env['SCREENSHOTS'] === '1' ? false : 'pictures are taken with SCREENSHOTS=1'

interface Watched {
  readonly world: World
  readonly url: string
  readonly databaseUrl: string
}

async function startWatched(
  t: Parameters<typeof startWorld>[0],
  env: Readonly<Record<string, string>> = {},
): Promise<Watched> {
  const port = await freePort()
  const databaseUrl = await postgres.freshDatabase()
  const world = await startWorld(t, {
    databaseUrl,
    env: {
      OPS_PORT: String(port),
      PROCESSOR_TOKEN: '123',
      INSPECT: '1',
      INSPECT_SAMPLE: '1',
      // A browser slows the machine down: a slow answer must not count as a failed one.
      ATTEMPT_TIMEOUT_MS: '5000',
      CONNECT_TIMEOUT_MS: '3000',
      IN_DOUBT_HORIZON_MS: '6000',
      ...env,
    },
  })
  return { world, url: `http://127.0.0.1:${port}/`, databaseUrl }
}

t.test('payments move along the chart, and each shows its status', { skip }, async (t) => {
  if (browser === undefined) return
  // However slow the machine is, the cheaper processor is not late.
  const patient = { ROUTE_SLOW_MS: '60000', ROUTE_WAIT_MAX_MS: '60000' }
  const { world, url } = await startWatched(t, patient)
  const { page, faults } = await openPage(t, browser, { url, viewport: WIDE })
  await page.waitForSelector('body[data-link=live]')
  await page.waitForSelector('#state-settled .count')
  t.match(await page.textContent('#where'), 'spec-1')

  world.simulators.default.setDelay(300)
  const posted = world.client.postAll(60)
  await page.waitForSelector('#state-tryingDefault.busy')
  await page.waitForSelector('[id="edge-pending-tryingDefault"].moving')
  await posted
  await hasCount(page, 'settled', '60')
  t.equal(await page.textContent('[data-tile=accepted] dd'), '60', 'the tiles count them too')

  await page.click('#state-settled')
  // What is shown as settled is written within moments; then the list has it.
  await page.locator('.found tbody tr').nth(59).waitFor()
  await page.locator('.found a').first().click()
  await page.waitForSelector('.attempts li')
  t.match(await page.textContent('.attempts li'), /1\. default\s*settled.*took.*http 200/)
  t.match(await page.textContent('.attempts .why'), 'the cheaper one is up and fast enough')
  const messages = await page.locator('.sequence .message b').allTextContents()
  t.match(messages.join(' '), /payment\.received.*spawned.*charge\.settled.*done/)
  await page.keyboard.press('Escape')
  t.notOk(await page.isVisible('#drawer'), 'Escape closes it')

  await page.locator('#books .chip').nth(1).waitFor()
  t.same(await page.locator('#books .chip').allTextContents(), ['agree', 'agree'])
  t.same(faults, [], 'the page has no errors and asks nobody else for anything')
})

t.test('books whose sums agree while a row is gone are not shown to agree', { skip }, async (t) => {
  if (browser === undefined) return
  const { world, url, databaseUrl } = await startWatched(t)
  await world.client.postAll(20)
  await world.booksAgree(t)
  await runSql(
    databaseUrl,
    `DELETE FROM payments WHERE correlation_id =
      (SELECT correlation_id FROM payments ORDER BY requested_at_ms DESC LIMIT 1)`,
  )

  const { page } = await openPage(t, browser, { url, viewport: WIDE })

  await page.locator('#books .chip[data-tone=bad]').waitFor()
  t.equal(await page.locator('#books .chip').first().textContent(), 'rows differ')
})

t.test(
  'an opening circuit is shown, and the page can be used by keyboard alone',
  { skip },
  async (t) => {
    if (browser === undefined) return
    const { world, url } = await startWatched(t)
    const { page, faults } = await openPage(t, browser, {
      url,
      viewport: WIDE,
      colorScheme: 'dark',
    })
    await page.waitForSelector('#state-settled .count')

    world.simulators.default.setFailure(true)
    await world.client.postAll(30)
    await page.waitForSelector('.processor[data-name=default] h3 .chip[data-tone=bad]')
    await page.waitForSelector('#events [data-tone=bad]')
    await hasCount(page, 'settled', '30')

    await page.focus('#state-settled')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.found a')
    await page.keyboard.press('Escape')
    const [id = ''] = world.client.register.keys()
    await page.fill('#find-id', id)
    await page.keyboard.press('Enter')
    await page.waitForSelector('.attempts li')
    t.match(await page.textContent('#drawer-body'), id)
    await page.keyboard.press('Escape')
    await page.fill('#find-id', '00000000-0000-4000-8000-000000000000')
    await page.keyboard.press('Enter')
    await page.getByText('No payment has this correlationId').waitFor()
    t.same(faults, [])
  },
)

t.test('a waiting payment shows what it waits for and until when', { skip }, async (t) => {
  if (browser === undefined) return
  const { world, url } = await startWatched(t, { IN_DOUBT_HORIZON_MS: '120000' })
  const { page, faults } = await openPage(t, browser, { url, viewport: WIDE })
  await page.waitForSelector('#state-settled .count')
  const charge = [{ kind: 'resetThenRecord', share: 1, delayMs: 300_000 }] as const
  for (const simulator of Object.values(world.simulators)) simulator.setFaults({ charge })
  await world.client.postAll(1)
  await page.waitForSelector('#state-confirming.busy')

  await page.click('#state-confirming')
  await page.locator('.found a').first().click()
  await page.waitForSelector('.attempts li')

  // It waits for nothing while a look-up is under way, and the page reads it once a second.
  const wait = 'the next look-up at the processor where its outcome is unknown'
  await page.locator('.status', { hasText: wait }).waitFor()
  const where = /in doubt at(default|fallback), may be recorded for another [\d.]+ (ms|s|min)/
  await page.locator('.status', { hasText: where }).waitFor()
  t.match(await page.textContent('.attempts'), 'in doubt')
  t.same(faults, [])
})

t.test(
  'a console that lost its Pit says so, and continues when Pit is back',
  { skip },
  async (t) => {
    if (browser === undefined) return
    const { world, url } = await startWatched(t)
    const { page } = await openPage(t, browser, { url, viewport: PHONE })
    await page.waitForSelector('body[data-link=live]')
    await world.client.postAll(5)
    await hasCount(page, 'settled', '5')

    // Read at once: Pit may be back before a second call.
    const lost = page.evaluate<string>(`new Promise((resolve) => {
    const read = () => {
      const banner = document.querySelector('#banner:not([hidden])')
      if (document.body.dataset.link === 'lost' && banner !== null) resolve(banner.textContent)
      else requestAnimationFrame(read)
    }
    read()
  })`)
    const restarted = world.restart()
    const banner = await lost
    t.match(banner, /These figures are from \d\d:\d\d:\d\d/, 'it says how old the figures are')
    await restarted
    await page.waitForSelector('body[data-link=live]')
    t.notOk(await page.isVisible('#banner'))
    await world.client.postAll(7)
    await hasCount(page, 'settled', '12')
    const width = (): Promise<number> => page.evaluate('document.documentElement.scrollWidth')
    t.equal(await width(), PHONE.width, 'the page fits a phone')
    await page.evaluate(`for (const value of document.querySelectorAll('.tile dd:not(.note)')) {
    value.textContent = '9,876,543,210'
    value.style.setProperty('--chars', 13)
  }`)
    t.equal(await width(), PHONE.width, 'also with large figures')
    const widest = `Math.max(...[...document.querySelectorAll('.tile')].map((tile) => {
    const range = document.createRange()
    range.selectNodeContents(tile.querySelector('dd'))
    return range.getBoundingClientRect().right - tile.getBoundingClientRect().right
  }))`
    t.ok((await page.evaluate<number>(widest)) <= 0, 'which fit their tiles')
  },
)

t.test('the pictures of the documents are taken', { skip: skip || NO_PICTURES }, async (t) => {
  if (browser === undefined) return
  const { world, url } = await startWatched(t)
  const variants = [
    { name: 'console', viewport: WIDE, colorScheme: 'light' as const },
    { name: 'console-dark', viewport: WIDE, colorScheme: 'dark' as const },
    { name: 'console-phone', viewport: PHONE, colorScheme: 'light' as const },
  ]
  const pages: { readonly name: string; readonly page: Page }[] = []
  for (const { name, ...variant } of variants) {
    pages.push({ name, page: (await openPage(t, browser, { url, ...variant })).page })
  }
  const [{ page: latest } = { page: undefined }] = pages
  if (latest === undefined) throw new Error('there is a page')
  const folder = join(PROJECT, 'docs')
  await mkdir(folder, { recursive: true })
  const { simulators, client } = world
  simulators.default.setDelay(30)
  simulators.fallback.setDelay(150)
  for (let wave = 0; wave < 70; wave += 1) {
    if (wave === 30) simulators.default.setFailure(true)
    if (wave === 52) simulators.default.setFailure(false)
    await client.postAll(12)
    // The page has drawn what was posted before more is.
    await nextFrame(latest)
    if (wave < 64) continue
    const next = pages.shift()
    if (next === undefined) continue
    await next.page.screenshot({ path: join(folder, `${next.name}.png`) })
    if (next.name !== 'console') continue
    await next.page.click('#state-settled')
    await next.page.locator('.found a').last().click()
    await next.page.waitForSelector('.sequence, .attempts li')
    await next.page.screenshot({ path: join(folder, 'console-payment.png') })
  }
  t.equal(pages.length, 0)
})

const WIDE = { width: 1440, height: 1060 }
const PHONE = { width: 390, height: 1560 }

/** Waits until the page has drawn one more frame of figures. */
async function nextFrame(page: Page): Promise<void> {
  const frames = await page.evaluate<string>('document.body.dataset.frames')
  // The page's policy allows no eval, which waiting for a function takes.
  await page.locator(`body:not([data-frames='${frames}'])`).waitFor()
}

async function hasCount(page: Page, state: string, count: string): Promise<void> {
  const exactly = new RegExp(`^${count}$`)
  await page.locator(`#state-${state} .count`, { hasText: exactly }).waitFor()
}
