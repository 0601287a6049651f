// What the page does with its feed: it writes what has changed, and nothing while nobody sees it.

import t, { type Test } from 'tap'
import { NO_BROWSER, openBrowser } from '../support/browser.ts'
import { becomesTrue, framesOf } from '../support/console-feed.ts'
import { startPostgres } from '../support/postgres.ts'
import { openFed, startWatched, type FedPage } from '../support/watched-console.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

async function openCounted(t: Test): Promise<FedPage> {
  const { url } = await startWatched(t, postgres)
  const fed = await openFed(t, browser, { url })
  await fed.page.evaluate(COUNT)
  return fed
}

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
    const { page, feed, faults } = await openCounted(t)
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
  const { page, feed, faults } = await openCounted(t)
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
