// Outages on the page: a line each among what happened, and shades on the plots.

import type { Page } from 'playwright-core'
import t from 'tap'
import { waitUntil } from '../../bench/layout/wait.ts'
import type { Frame } from '../../src/console/instances.ts'
import { NO_BROWSER, openBrowser, openPage, seriousViolations } from '../support/browser.ts'
import { type Feed, framesOf } from '../support/console-feed.ts'
import { startPostgres } from '../support/postgres.ts'
import { NO_REDIS, openRedis } from '../support/redis.ts'
import { freePort } from '../../src/infra/process/free-port.ts'
import { startWorld, type World } from '../support/system-world.ts'
import { openFed, PHONE, startWatched, WIDE } from '../support/watched-console.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const redis = await openRedis(t)
const skip = browser === undefined && NO_BROWSER

const FRAMES = framesOf({ perSecond: 10, frames: 60 })
const END = FRAMES.at(-2)?.at ?? 0

const OUTAGES = [
  { of: 'default', from: END - 8_000, to: END, state: 'running', met: 41 },
  { of: 'fallback', from: END - 20_000, to: END - 18_000, state: 'untried', met: 1 },
  { of: 'PostgreSQL', from: END - 600_000, to: END - 480_000, state: 'over', met: 1_200 },
] as const

/** Frames with a second for the plots. */
const [LAST = FRAMES[0]] = FRAMES.slice(-2)

async function showOutages(feed: Feed, outages: NonNullable<Frame['outages']>): Promise<void> {
  if (LAST === undefined) throw new Error('there are frames')
  for (const frame of FRAMES.slice(0, -2)) feed.send(frame)
  await feed.show({ ...LAST, outages })
}

t.test('an outage is one line with its beginning, length and count', { skip }, async (t) => {
  const { page, feed, faults } = await openFed(t, browser, await startWatched(t, postgres))
  const event = { number: 1, at: END - 10_000, text: 'lease 7 acquired', tone: 'good' } as const
  for (const frame of FRAMES.slice(-1))
    await feed.show({ ...frame, events: [event], outages: OUTAGES })

  const lines = await page.locator('#events li').allTextContents()
  t.match(lines, [
    /\d\d:\d\d:\d\ddefault is out, 8.0 s so far, 41 charges failed$/,
    /lease 7 acquired$/,
    /fallback was out for 2.0 s, 1 charge failed; ready to be tried$/,
    /PostgreSQL did not commit for 2 min, 1,200 writes failed$/,
  ])
  t.equal(await page.locator('#events [data-tone=bad]').count(), 1, 'what is over is calm')
  const before = await page.textContent('#events')
  for (const frame of FRAMES.slice(-1)) await feed.show(frame)
  t.equal(await page.textContent('#events'), before, 'a frame without outages leaves them')
  t.same(faults, [])
})

t.test(
  'the plots are shaded where there was an outage, as their legend says',
  { skip },
  async (t) => {
    const { page, feed, faults } = await openFed(t, browser, await startWatched(t, postgres))
    await showOutages(feed, [])
    const calm = await pixels(page)
    if (LAST !== undefined) await feed.show({ ...LAST, outages: OUTAGES })
    const shaded = await pixels(page)

    t.same(
      shaded.map((pixel, index) => pixel !== calm[index]),
      [false, true, false, true],
      'of two points in time in an outage, and of two without one',
    )
    t.match(await page.textContent('#plot-legend'), /shaded: an outage of.*default.*dashed: p50/s)
    t.same(faults, [])
  },
)

/** Colours in the upper part of the fees' plot: 30, 19, 12 and 4 s before the end of its minute. */
function pixels(page: Page): Promise<readonly string[]> {
  return page.evaluate(`(() => {
    const canvas = document.querySelector('[data-plot=fees] canvas')
    const over = document.querySelector('[data-plot=fees] .u-over').getBoundingClientRect()
    const at = canvas.getBoundingClientRect()
    const scale = canvas.width / at.width
    return [30, 19, 12, 4].map((seconds) => {
      const x = (over.right - at.left - (over.width * seconds) / 60) * scale
      const y = (over.top - at.top + over.height * 0.3) * scale
      return String(canvas.getContext('2d').getImageData(x, y, 1, 1).data)
    })
  })()`)
}

t.test(
  'a processor that is well again and has no traffic is not shown as ill',
  { skip },
  async (t) => {
    if (browser === undefined) return
    const { world, url } = await startWatched(t, postgres)
    const { page } = await openPage(t, browser, { url })
    const tones = (): Promise<readonly (string | null)[]> =>
      page.evaluate(`[...document.querySelectorAll('.processor[data-name=default] .chip')]
      .map((chip) => chip.getAttribute('data-tone'))`)
    const chip = page.locator('.processor[data-name=default] h3 .chip')
    await chip.filter({ hasText: 'healthy' }).waitFor()
    t.same(await tones(), ['good', 'good'], 'one that has met no payment yet is healthy')

    // Refused for certain, so that they are settled at the other one at once; one after the other, since
    // what is refused beside others is only one too many.
    world.simulators.default.setFaults({ charge: [{ kind: 'limited', share: 1 }] })
    await postUntil(world, async () => (await chip.textContent()) !== 'healthy')
    // None is left that would try it once it is well.
    await world.booksAgree(t)
    world.simulators.default.setFaults({})
    await chip.filter({ hasText: 'ready to be tried' }).waitFor()

    t.same(await tones(), [null, null])
    t.equal(await page.locator('#events [data-tone=bad]', { hasText: 'default is out' }).count(), 0)
    // Few of those that come at once are trials, and each of these lets more through.
    await postUntil(world, async () => (await chip.textContent()) === 'healthy')
    await chip.filter({ hasText: 'healthy' }).waitFor()
  },
)

/** Posts one payment after the other until `isEnough`, each once the last one is settled. */
async function postUntil(world: World, isEnough: () => Promise<boolean>): Promise<void> {
  for (let posts = 0; posts < 1_000 && !(await isEnough()); posts += 1) {
    const [id = ''] = await world.client.postAll(1)
    await waitUntil({ what: `${id} is settled` }, async () => {
      const status = await world.client.paymentStatus(id)
      return status !== 'missing' && status?.state === 'settled'
    })
  }
}

for (const [name, shown] of Object.entries({
  light: { viewport: WIDE, colorScheme: 'light' },
  dark: { viewport: WIDE, colorScheme: 'dark' },
  'a phone': { viewport: PHONE, colorScheme: 'light' },
} as const)) {
  t.test(
    `axe-core finds nothing serious in a console with outages, ${name}`,
    { skip },
    async (t) => {
      const { url } = await startWatched(t, postgres)
      const { page, feed } = await openFed(t, browser, { url, ...shown })
      await showOutages(feed, OUTAGES)

      t.same(await seriousViolations(page), [])
      const width = await page.evaluate('document.documentElement.scrollWidth')
      t.equal(width, shown.viewport.width, 'it is no wider than the page')
    },
  )
}

t.test(
  'an outage is on the consoles of all instances, and still there after a restart',
  { skip: skip || (redis === undefined && NO_REDIS) },
  async (t) => {
    if (browser === undefined || redis === undefined) return
    const [port, otherPort] = [await freePort(), await freePort()]
    const databaseUrl = await postgres.freshDatabase()
    const start = (INSTANCE_ID: string, opsPort: number): Promise<World> => {
      const env = { INSTANCE_ID, OPS_PORT: String(opsPort), REDIS_KEY_PREFIX: `outages-${port}` }
      return startWorld(t, { databaseUrl, redisUrl: redis.url, env })
    }
    const world = await start('spec-1', port)
    const { page, faults } = await openPage(t, browser, { url: `http://127.0.0.1:${port}/` })
    world.simulators.default.setFailure(true)
    await world.client.postAll(20)
    await page.locator('#events [data-tone=bad]', { hasText: 'default is out' }).waitFor()

    world.simulators.default.setFailure(false)
    await page.locator('#events li', { hasText: /default was out/ }).waitFor()
    await world.restart()

    await start('spec-2', otherPort)
    for (const each of [port, otherPort]) {
      const { page: later } = await openPage(t, browser, { url: `http://127.0.0.1:${each}/` })
      const line = later.locator('#events li', { hasText: /default was out for .*charges? failed/ })
      await line.waitFor()
      t.equal(await line.count(), 1)
    }
    t.same(faults, [])
  },
)
