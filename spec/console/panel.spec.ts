// The panel of the dev stack: what it writes, who may, and how it is used in a real browser.

import t, { type Test } from 'tap'
import { request } from 'undici'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { parseSamples } from '../../src/cli/samples.ts'
import { NO_BROWSER, openBrowser, openPage } from '../support/browser.ts'
import { startPostgres } from '../support/postgres.ts'
import { startWorld } from '../support/system-world.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

async function start(t: Test, isDevStack: boolean) {
  const port = await freePort()
  const databaseUrl = await postgres.freshDatabase()
  const env = { OPS_PORT: String(port) }
  const world = await startWorld(t, { databaseUrl, isDevStack, env })
  return { world, url: `http://127.0.0.1:${port}` }
}

/** As the page does. */
async function post(url: string, more: Readonly<Record<string, string>> = {}) {
  const page = await fetch(new URL('/console/access', url))
  const { token } = (await page.json()) as { readonly token: string }
  const headers = { 'content-type': 'application/json', 'x-pit-page': token, ...more }
  const { statusCode, body } = await request(url, { method: 'POST', headers })
  return { status: statusCode, text: await body.text() }
}

t.test('the panel breaks and mends one simulator, and shows what others have broken', async (t) => {
  const { world, url } = await start(t, true)
  const { default: first, fallback } = world.simulators
  const calm = fallback.switched()
  const at = `${url}/console/simulators/default`

  for (const key of ['failing', 'slow', 'silent']) {
    t.equal((await post(`${at}/${key}/on`)).status, 200, key)
  }
  t.match(first.switched(), {
    failure: true,
    delayMs: 2000,
    faults: { charge: [{ kind: 'resetAfterRecord', share: 0.5 }] },
  })
  t.strictSame(fallback.switched(), calm, 'the other one is left alone')
  fallback.setDelay(7)
  const shown = (await post(`${at}/slow/off`)).text

  t.match(shown, /"name":"default".*"key":"slow","title":"[^"]*","state":"off"/)
  t.match(shown, /"name":"fallback".*"key":"slow","title":"[^"]*","state":"on"/)
  for (const wrong of ['slow/offs', 'fast/on', '__proto__/on']) {
    t.equal((await post(`${at}/${wrong}`)).status, 404, wrong)
  }
})

t.test(
  'no page of another site reaches the panel, and a Pit without simulators has none',
  async (t) => {
    const { world, url } = await start(t, true)
    const paths = ['/console/simulators/default/failing/on', '/console/test-payment']

    for (const path of paths) {
      const headers = { origin: 'http://elsewhere.example' }
      t.equal((await post(`${url}${path}`, headers)).status, 403, path)
    }
    t.notOk(world.simulators.default.switched().failure)
    const samples = parseSamples(await (await fetch(`${url}/metrics`)).text())
    t.equal(samples.sum('pit_payments_accepted_total'), 0)

    const other = await start(t, false)
    for (const path of paths) t.equal((await post(`${other.url}${path}`)).status, 404, path)
    t.notOk(other.world.simulators.default.switched().failure)
  },
)

t.test('a click sends a payment and shows it, another breaks a processor', { skip }, async (t) => {
  if (browser === undefined) return
  const { world, url } = await start(t, true)
  const { page, faults } = await openPage(t, browser, { url, viewport: PHONE })

  await page.click('#send-payment')
  await page.locator('#sent button').click()
  await page.locator('.attempts li', { hasText: 'settled' }).waitFor()
  await page.keyboard.press('Escape')
  t.match(await page.textContent('#sent'), 'answered 202')

  await page.click('[data-name=default] [data-key=failing]')
  await page.waitForSelector('[data-name=default] [data-key=failing][aria-pressed=true]')
  t.ok(world.simulators.default.switched().failure)
  await page.click('#send-payment')
  await waitUntil({ what: 'the other processor is paid at' }, () => {
    return world.simulators.fallback.sends().outcomes.recorded === 1
  })

  await page.click('[data-name=default] [data-key=failing]')
  await page.waitForSelector('[data-name=default] [data-key=failing][aria-pressed=false]')
  t.notOk(world.simulators.default.switched().failure)
  const width = await page.evaluate('document.documentElement.scrollWidth')
  t.equal(width, PHONE.width, 'the page fits a phone')
  t.same(faults, [])
})

t.test('the console of real processors has no panel', { skip }, async (t) => {
  if (browser === undefined) return
  const { url } = await start(t, false)
  const { page } = await openPage(t, browser, { url })
  await page.waitForSelector('body[data-frames]')

  t.notOk(await page.isVisible('#simulators'))
})

const PHONE = { width: 390, height: 1560 }
