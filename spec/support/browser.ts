// A real Chromium for specs, without a window and without anything of its own to do.

import { existsSync } from 'node:fs'
import axe from 'axe-core'
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { missing } from './requirements.ts'

export const NO_BROWSER = 'no Chromium at CHROMIUM_PATH or /usr/bin/chromium'

/** Undefined where there is none, for the caller to skip with `NO_BROWSER`; under CI that fails. */
export async function openBrowser(t: Test): Promise<Browser | undefined> {
  const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
  if (!existsSync(executablePath)) {
    missing(NO_BROWSER)
    return undefined
  }
  const browser = await chromium.launch({ executablePath, args: QUIET })
  t.teardown(() => browser.close())
  return browser
}

const QUIET = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface WatchedPage {
  readonly page: Page
  /** What the page complained of, and what it asked for elsewhere. */
  readonly faults: string[]
}

export interface PageOptions extends BrowserContextOptions {
  readonly url: string
  /** What is to be done before the page is opened. */
  readonly prepare?: (page: Page) => Promise<void>
}

/** A page in a context of its own, closed at the test's end. Waits of its own end after 15 s. */
export async function openPage(
  t: Test,
  browser: Browser,
  { url, prepare, ...options }: PageOptions,
): Promise<WatchedPage> {
  const context = await browser.newContext(options)
  t.teardown(() => context.close())
  context.setDefaultTimeout(120_000)
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('request', (request) => {
    const { origin } = new URL(request.url())
    if (!request.url().startsWith('data:') && origin !== new URL(url).origin) faults.push(origin)
  })
  await prepare?.(page)
  await page.goto(url)
  return { page, faults }
}

/** What axe-core finds that is serious or worse, a line for each place. */
export async function seriousViolations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<axe.AxeResults>('axe.run()')
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary}`),
    )
}
