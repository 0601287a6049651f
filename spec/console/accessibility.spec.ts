// axe-core's rules over the console, light, dark and on a phone.

import t from 'tap'
import { NO_BROWSER, openBrowser, seriousViolations } from '../support/browser.ts'
import { framesOf } from '../support/console-feed.ts'
import { startPostgres } from '../support/postgres.ts'
import { openFed, PHONE, startWatched, WIDE } from '../support/watched-console.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

const APPEARANCES = [
  { name: 'light', viewport: WIDE, colorScheme: 'light' },
  { name: 'dark', viewport: WIDE, colorScheme: 'dark' },
  { name: 'a phone', viewport: PHONE, colorScheme: 'light' },
] as const

/** A chip of each tone on a card and in a processor's box, as states make them. */
const ALL_CHIPS = `for (const place of document.querySelectorAll('#books, .processor')) {
  for (const tone of ['good', 'bad', 'doubt', 'warn', '']) {
    const chip = document.createElement('span')
    chip.className = 'chip'
    chip.dataset.tone = tone
    chip.textContent = 'words'
    place.append(chip)
  }
}`

for (const { name, ...shown } of APPEARANCES) {
  t.test(`axe-core finds nothing serious in the console, ${name}`, { skip }, async (t) => {
    const { url } = await startWatched(t, postgres)
    const { page, feed } = await openFed(t, browser, { url, ...shown })
    for (const frame of framesOf({ perSecond: 10, frames: 4 })) await feed.show(frame)
    await page.evaluate(ALL_CHIPS)

    t.same(await seriousViolations(page), [])
    const cut = `[...document.querySelectorAll('.scroll')].filter((each) => each.scrollWidth > each.clientWidth).map(({ id }) => id)`
    if (shown.viewport === WIDE) t.same(await page.evaluate(cut), [], 'no table is cut off')
    const small = `[...document.querySelectorAll('.top a:not(.skip), .top button')].filter((each) => {
      const { width, height } = each.getBoundingClientRect()
      return width > 0 && height < ${shown.viewport === PHONE ? 44 : 24}
    }).map((each) => each.textContent)`
    t.same(await page.evaluate(small), [], 'links and buttons can be hit')
  })
}
