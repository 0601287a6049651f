// What the page does with its feed: it writes what has changed, and nothing while nobody sees it.

import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { NO_BROWSER, openBrowser, openPage } from '../support/browser.ts'
import { becomesTrue, feedBySpec, type Feed, framesOf } from '../support/console-feed.ts'
import { startPostgres } from '../support/postgres.ts'
import { startWorld } from '../support/system-world.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

/** A console whose feed is the spec's own. */
async function openFed(t: Test): Promise<{ page: Page; feed: Feed; faults: readonly string[] }> {
  if (browser === undefined) throw new Error(NO_BROWSER)
  const opsPort = await freePort()
  const databaseUrl = await postgres.freshDatabase()
  await startWorld(t, { databaseUrl, env: { OPS_PORT: String(opsPort) } })
  const url = `http://127.0.0.1:${opsPort}/`
  let feed: Feed | undefined
  const prepare = async (page: Page): Promise<void> => void (feed = await feedBySpec(page))
  const { page, faults } = await openPage(t, browser, { url, viewport: WIDE, prepare })
  await page.waitForSelector('#state-settled .count')
  if (feed === undefined) throw new Error('the page was prepared')
  await feed.open()
  await page.evaluate(COUNT)
  return { page, feed, faults }
}

const WIDE = { width: 1440, height: 1060 }

/** Counts messages as the page reads them, and what it writes: `added` elements and other `writes`. */
const COUNT = `{
  const parse = JSON.parse
  window.work = { messages: 0, added: 0, writes: 0, dotsMax: 0 }
  JSON.parse = (text) => {
    work.messages += 1
    return parse(text)
  }
  new MutationObserver((records) => {
    for (const { target, type, addedNodes, attributeName } of records) {
      if (target.className === 'dots') work.dotsMax = Math.max(work.dotsMax, target.children.length)
      else if (type === 'childList' && addedNodes[0] instanceof Element) work.added += addedNodes.length
      else if (attributeName !== 'data-frames') work.writes += 1
    }
  }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true })
}`

interface Work {
  readonly messages: number
  readonly added: number
  readonly writes: number
  readonly dotsMax: number
}

t.test(
  'a frame of many payments writes some numbers and makes no elements',
  { skip },
  async (t) => {
    const { page, feed, faults } = await openFed(t)
    const frames = framesOf({ perSecond: 1000, frames: 24 })
    const show = async (some: typeof frames): Promise<Work> => {
      for (const frame of some) await feed.show(frame)
      return page.evaluate<Work>('work')
    }
    const first = await show(frames.slice(0, 4))

    const last = await show(frames.slice(4))

    t.equal(last.added, first.added, 'all there is to see was made by the first frames')
    const writes = (last.writes - first.writes) / 20
    t.ok(writes > 5 && writes < 60, `writes a frame: ${writes}`)
    t.ok(last.dotsMax > 0 && last.dotsMax <= 8, `dots at once: ${last.dotsMax}`)
    t.same(faults, [])
  },
)

t.test('a hidden tab draws nothing, and shows how it is at its return', { skip }, async (t) => {
  const { page, feed, faults } = await openFed(t)
  await page.evaluate(`Object.defineProperty(document, 'hidden', { value: true, writable: true })
    document.dispatchEvent(new Event('visibilitychange'))`)
  const before = await page.evaluate<Work>('({ ...work })')

  for (const frame of framesOf({ perSecond: 1000, frames: 21 })) feed.send(frame)
  await becomesTrue(page, `work.messages === ${before.messages + 21}`)

  t.strictSame(await page.evaluate('work'), { ...before, messages: before.messages + 21 })
  await page.evaluate(`document.hidden = false
    document.dispatchEvent(new Event('visibilitychange'))`)
  t.equal(await page.textContent('#state-settled .count'), '10,000')
  t.same(faults, [])
})
