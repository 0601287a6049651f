// What the page says of circuits, of what was not measured, of times, and in its title.

import t from 'tap'
import type { Frame } from '../../src/console/instances.ts'
import { NO_BROWSER, openBrowser } from '../support/browser.ts'
import { becomesTrue, framesOf } from '../support/console-feed.ts'
import { startPostgres } from '../support/postgres.ts'
import { openFed, startWatched } from '../support/watched-console.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

const CHIP = '.processor[data-name=default] h3 .chip'

t.test('a circuit is told in plain words, and in its own in the tooltip', { skip }, async (t) => {
  const { page, feed, faults } = await openFed(t, browser, await startWatched(t, postgres))
  const told = async (state: 'closed' | 'open' | 'halfOpen', calls: number): Promise<string> => {
    await feed.show(circuitOf(frameAt(4), { state, calls }))
    const [word, title] = [await page.textContent(CHIP), await page.getAttribute(CHIP, 'title')]
    return `${word}; ${title}`
  }

  t.match(await told('closed', 10), /^healthy; .*closed/)
  t.match(await told('open', 10), /^resting; .*open/)
  t.match(await told('halfOpen', 3), /^testing; .*half open/)
  t.match(await told('halfOpen', 0), /^ready to be tried; .*half open/)
  t.equal(await page.getAttribute(CHIP, 'data-tone'), null, 'which is no reason to worry')
  t.same(faults, [])
})

t.test('what the page hides is not shown', { skip }, async (t) => {
  const { page } = await openFed(t, browser, await startWatched(t, postgres))

  const shown = await page.evaluate(`[...document.querySelectorAll('[hidden]')]
    .filter((element) => getComputedStyle(element).display !== 'none').map(({ id }) => id)`)

  t.same(shown, [])
  t.equal(await page.isVisible('#inspector-link'), false, 'nothing is inspected')
  t.equal(await page.isVisible('#sign-out'), false, 'nobody is signed in')
})

t.test('figures of a processor do not run into one another, however large', { skip }, async (t) => {
  const watched = await startWatched(t, postgres)
  const viewport = { width: 1280, height: 900 }
  const { page, feed } = await openFed(t, browser, { url: watched.url, viewport })
  const totals = { settled: { default: LARGE, fallback: LARGE }, rejected: 1, payments: 10 }
  await feed.show({ ...frameAt(4), totals })

  const wide = await page.evaluate(`[...document.querySelectorAll('.processor dd')]
    .filter((figure) => figure.scrollWidth > figure.clientWidth).map((figure) => figure.textContent)`)

  t.match(await page.textContent('.processor dl'), /9,999,999,999,999/)
  t.same(wide, [])
})

t.test('what was not measured is told by a dash', { skip }, async (t) => {
  const { page, feed } = await openFed(t, browser, await startWatched(t, postgres))
  await feed.show(frameAt(4))

  const facts = await page.locator('.processor[data-name=fallback] dl div').allTextContents()

  t.ok(facts.includes('responds in–'), facts.join(', '))
  t.ok(facts.includes('says it needs–'), facts.join(', '))
})

t.test('the title tells that books differ, and that the page is cut off', { skip }, async (t) => {
  const { page, feed } = await openFed(t, browser, await startWatched(t, postgres))
  await feed.show(frameAt(4))
  t.equal(await page.title(), 'Pit console, spec-1')

  await feed.show({ ...frameAt(4), books: BOOKS })
  t.equal(await page.title(), '⚠ books differ: Pit console, spec-1')
  await feed.show({ ...frameAt(4), books: { ...BOOKS, theirs: {} } })
  t.equal(await page.title(), 'Pit console, spec-1', 'what is not known does not differ')

  await page.evaluate(`window.titles = []
    new MutationObserver(() => titles.push(document.title)).observe(
      document.querySelector('title'), { childList: true, characterData: true, subtree: true })`)
  await feed.breakOff()
  await becomesTrue(page, `titles.includes('⚠ disconnected: Pit console, spec-1')`)
})

t.test('a part of the console that a bug has stopped is told', { skip }, async (t) => {
  const { page, feed } = await openFed(t, browser, await startWatched(t, postgres))
  await feed.show(frameAt(4))
  t.equal(await page.textContent('#link'), 'live')
  t.equal(await page.isVisible('#banner'), false)

  await feed.show({ ...frameAt(4), broken: ['compare'] })
  t.equal(await page.textContent('#link'), 'live, in part')
  t.match(await page.textContent('#banner'), /console\.broken.*stands still: Books\.$/)

  await feed.show(frameAt(4))
  t.equal(await page.textContent('#link'), 'live')
  t.equal(await page.isVisible('#banner'), false, 'it has been begun again')
})

t.test('an instance that is not ready says so, and figures say since when', { skip }, async (t) => {
  const { page, feed } = await openFed(t, browser, await startWatched(t, postgres))
  await feed.show(frameAt(4))
  t.match(await page.textContent('#instances'), 'accepting')

  const why = 'The lease is not held: the server is read-only.'
  const { instances, ...frame } = frameAt(4)
  const notReady = instances.map((instance) => ({ ...instance, notReady: why }))
  const books = { from: 0, to: 0, theirs: {} }
  await feed.show({ ...frame, instances: notReady, books, open: null, staleSince: frame.at })

  const chip = page.locator('#instances .chip')
  t.equal(await chip.textContent(), 'not ready')
  t.equal(await chip.getAttribute('data-tone'), 'bad')
  t.match(await page.textContent('#instances'), why)
  t.equal(await page.textContent('#books'), `our books could not be read: ${why}`)
  for (const name of ['accepted', 'settled']) {
    t.match(await page.textContent(`[data-tile=${name}]`), /not renewed since .*\d\d:\d\d:\d\d/)
  }
})

t.test('times are local or in UTC, as was chosen last', { skip }, async (t) => {
  const { url } = await startWatched(t, postgres)
  const timezoneId = 'Asia/Tokyo'
  const { page, feed } = await openFed(t, browser, { url, timezoneId })
  await feed.show(frameAt(4))
  t.match(await page.textContent('#instances'), /\d\d:59:00/)
  t.equal(await page.textContent('#zone'), 'times in Asia/Tokyo')
  const local = await page.textContent('#instances')

  await page.click('#zone')
  await page.locator('#zone', { hasText: 'times in UTC' }).waitFor()
  await feed.open()
  await feed.show(frameAt(4))

  t.not(await page.textContent('#instances'), local)
  await page.reload()
  t.equal(await page.textContent('#zone'), 'times in UTC', 'it is kept')
})

function frameAt(index: number): Frame {
  const frame = framesOf({ perSecond: 100, frames: index + 1 }).at(-1)
  if (frame === undefined) throw new Error('there is a frame')
  return frame
}

/** The same frame with the circuit of the default processor in another state. */
function circuitOf(
  frame: Frame,
  changes: { readonly state: 'closed' | 'open' | 'halfOpen'; readonly calls: number },
): Frame {
  const instances = frame.instances.map(({ circuits, ...instance }) => {
    const changed = circuits.default && { ...circuits.default, ...changes }
    return { ...instance, circuits: { ...circuits, ...(changed && { default: changed }) } }
  })
  return { ...frame, instances }
}

const TOTAL = { payments: 10, cents: 19_900 }
const LARGE = { payments: 1_000_000_000, cents: 999_999_999_999_900 }

const BOOKS = {
  from: 0,
  to: 1_795_773_600_000,
  ours: { default: TOTAL, fallback: TOTAL },
  theirs: { default: { payments: 9, cents: 17_910 }, fallback: TOTAL },
}
