// Signing in at the console of a whole Pit, in a real browser.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocket } from 'undici'
import { parseSamples } from '../../src/cli/samples.ts'
import { freePort } from '../../src/infra/process/free-port.ts'
import { keyLine, newKey } from '../../src/infra/process/keys-file.ts'
import { NO_BROWSER, openBrowser, openPage } from '../support/browser.ts'
import { startPostgres } from '../support/postgres.ts'
import { startWorld } from '../support/system-world.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

async function start(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'pit-keys-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'keys')
  const key = newKey()
  await writeFile(path, keyLine(key, { name: 'vi', scope: 'view' }))
  const opsPort = await freePort()
  const databaseUrl = await postgres.freshDatabase()
  const env = { OPS_PORT: String(opsPort), KEYS_FILE: path, INSPECT: '1' }
  await startWorld(t, { databaseUrl, isDevStack: true, env })
  return { key, path, url: `http://127.0.0.1:${opsPort}` }
}

t.test('with keys only health, metrics and the description of the API are open', async (t) => {
  const { key, url } = await start(t)
  const statusOf = async (path: string, headers = {}): Promise<number> =>
    (await fetch(url + path, { headers })).status

  for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs']) {
    t.equal(await statusOf(path), 200, path)
  }
  const closed = ['/', '/console', '/console/assets/console.js', '/console/payments?state=settled']
  for (const path of [...closed, '/console/simulators', '/console/access', '/inspect']) {
    t.equal(await statusOf(path), 401, path)
    t.equal(await statusOf(path, { authorization: `Bearer ${key}` }), 200, path)
  }
  for (const path of ['/console/ws', '/inspect/ws']) {
    const socket = new WebSocket(url.replace('http', 'ws') + path)
    const opened = await new Promise((resolve) => {
      socket.addEventListener('open', () => resolve('opened'))
      socket.addEventListener('error', () => resolve('refused'))
    })
    t.equal(opened, 'refused', path)
  }
  const metrics = parseSamples(await (await fetch(`${url}/metrics`)).text())
  t.ok((metrics.sum('pit_access_refused_total') ?? 0) > closed.length)
})

t.test('a viewer signs in and out, and a key that is gone ends the page', { skip }, async (t) => {
  if (browser === undefined) return
  const { key, path, url } = await start(t)
  const { page, faults } = await openPage(t, browser, { url })
  await page.fill('#key', 'pit_wrong')
  await page.click('button[type=submit]')
  await page.locator('#said', { hasText: 'no such key' }).waitFor()

  await page.fill('#key', key)
  await page.click('button[type=submit]')
  await page.waitForSelector('body[data-frames]')
  await page.locator('#who', { hasText: 'vi, looks only' }).waitFor()
  await page.click('#send-payment')
  await page.locator('#sent', { hasText: 'may only look' }).waitFor()
  await page.click('#sign-out')
  await page.waitForSelector('#key')

  await page.fill('#key', key)
  await page.click('button[type=submit]')
  await page.waitForSelector('body[data-frames]')
  await writeFile(path, '# nobody')
  await page.waitForSelector('#key')
  t.same(faults, [])
})
