// The page that hands Pit's inspection to Stately's inspector, in a real browser. Stately's page
// itself is stood in for: it does what that page does first, and keeps what it is given.

import { createBrowserReceiver, type StatelyInspectionEvent } from '@statelyai/inspect'
import type { BrowserContext } from 'playwright-core'
import t, { type Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { NO_BROWSER, openBrowser } from '../support/browser.ts'
import { startPostgres } from '../support/postgres.ts'
import { startWorld, type World } from '../support/system-world.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

/** Says that it is there as Stately's receivers do, and keeps every message. */
const STAND_IN = `<!doctype html><title>stand-in</title><script>
  window.received = []
  window.addEventListener('message', ({ data, origin }) => received.push({ data, origin }))
  window.parent.postMessage({ type: '@statelyai.connected' }, '*')
</script>`

async function startInspected(t: Test): Promise<{ world: World; origin: string }> {
  const port = await freePort()
  const world = await startWorld(t, {
    databaseUrl: await postgres.freshDatabase(),
    env: { OPS_PORT: String(port), INSPECT: '1', INSPECT_SAMPLE: '1' },
  })
  return { world, origin: `http://127.0.0.1:${port}` }
}

async function openContext(t: Test): Promise<BrowserContext> {
  if (browser === undefined) throw new Error(NO_BROWSER)
  const context = await browser.newContext()
  t.teardown(() => context.close())
  context.setDefaultTimeout(120_000)
  return context
}

t.test('the frame gets Pit’s messages in Stately’s own format', { skip }, async (t) => {
  const { world, origin } = await startInspected(t)
  const context = await openContext(t)
  await context.route('https://stately.ai/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: STAND_IN }),
  )
  const page = await context.newPage()
  await page.goto(`${origin}/inspect`)
  await page.waitForSelector('body[data-link=live]')
  const frame = page.frames().find((each) => each.url().startsWith('https://stately.ai/'))
  if (frame === undefined) throw new Error('there is a frame of stately.ai')

  const [id = ''] = await world.client.postAll(1)
  await frame.waitForFunction(
    `received.some(({ data }) => JSON.stringify(data).includes('${id}')) &&
      received.some(({ data }) => data.snapshot?.value === 'settled')`,
  )

  const received: readonly Received[] = await frame.evaluate('received')
  t.ok(received.every((message) => message.origin === origin))
  const parsed = parseAsStately(received)
  t.equal(parsed.length, received.length, 'their receiver takes every message')
  const actors = parsed.flatMap((event) => (event.type === '@xstate.actor' ? [event.name] : []))
  for (const name of ['supervisor', 'payments', 'persistence', 'processorHealth.default']) {
    t.ok(actors.includes(name), name)
  }
  t.ok(actors.includes('payment'), 'the payment, too')
  await page.getByText(/\d+ messages passed on/).waitFor()
  t.notOk(await page.isVisible('#absent'))
})

t.test(
  'the frame is requested only after the script that listens to it has run',
  { skip },
  async (t) => {
    const { origin } = await startInspected(t)
    const context = await openContext(t)
    const page = await context.newPage()
    const asked: string[] = []
    await context.route('https://stately.ai/**', (route) => {
      asked.push('frame')
      return route.fulfill({ contentType: 'text/html', body: STAND_IN })
    })
    await context.route('**/inspect.js', async (route) => {
      // The page has been read as far as the frame, and only the script that listens is late.
      await page.waitForFunction(`document.getElementById('inspector') !== null`)
      await page.evaluate(`fetch('/healthz')`)
      asked.push('script')
      await route.continue()
    })

    await page.goto(`${origin}/inspect`)
    await page.getByText(/\d+ messages passed on/).waitFor()

    t.strictSame(asked, ['script', 'frame'])
  },
)

t.test('the page says that it lacks the internet and links to the console', { skip }, async (t) => {
  const { origin } = await startInspected(t)
  const context = await openContext(t)
  await context.route('https://stately.ai/**', (route) => route.abort('internetdisconnected'))
  const page = await context.newPage()
  await page.goto(`${origin}/inspect`)
  await page.waitForSelector('body[data-link=live]')

  await page.waitForSelector('#absent', { state: 'visible' })
  t.match(await page.textContent('#absent'), 'needs the internet')
  t.notOk(await page.isVisible('#inspector'), 'no broken frame is shown')
  t.match(await page.textContent('#note'), /\d+ messages wait/)

  await context.unroute('https://stately.ai/**')
  await context.route('https://stately.ai/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: STAND_IN }),
  )
  await page.click('#again')
  await page.getByText(/\d+ messages passed on/).waitFor()
  t.notOk(await page.isVisible('#absent'), 'what waited has been passed on')
  t.ok(await page.isVisible('#inspector'))

  await page.click('nav a')
  await page.waitForSelector('#state-settled .count')
  t.equal(new URL(page.url()).pathname, '/')
})

t.test('a payment from before a viewer came is told as that', { skip }, async (t) => {
  const { world, origin } = await startInspected(t)
  const [id = ''] = await world.client.postAll(1)
  const page = await (await openContext(t)).newPage()
  await page.goto(origin)

  await page.fill('#find-id', id)
  await page.keyboard.press('Enter')

  const reason = page.getByText('Not recorded: no console was open then')
  await reason.waitFor()
  t.ok(await reason.isVisible())
})

interface Received {
  readonly data: unknown
  readonly origin: string
}

/** What Stately's receiver makes of messages that arrive at its window. */
function parseAsStately(received: readonly Received[]): readonly StatelyInspectionEvent[] {
  const parsed: StatelyInspectionEvent[] = []
  const listeners: ((event: { data: unknown }) => void)[] = []
  const parent = { postMessage: () => undefined }
  const window = {
    self: {},
    top: {},
    parent,
    addEventListener: (_: string, listener: (event: { data: unknown }) => void) => {
      listeners.push(listener)
    },
  }
  createBrowserReceiver({ window: window as never }).subscribe((event) => {
    parsed.push(event)
  })
  for (const { data } of received) for (const listener of listeners) listener({ data })
  return parsed
}
