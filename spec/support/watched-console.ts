// A Pit whose console a spec opens in a browser, with its own feed or with one of the spec's.

import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type { Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { NO_BROWSER, openPage, type WatchedPage } from './browser.ts'
import { feedBySpec, type Feed } from './console-feed.ts'
import type { startPostgres } from './postgres.ts'
import { startWorld, type World } from './system-world.ts'

export const WIDE = { width: 1440, height: 1060 }
export const PHONE = { width: 390, height: 1560 }

export interface WatchedPit {
  readonly world: World
  readonly url: string
  readonly databaseUrl: string
}

export async function startWatched(
  t: Test,
  postgres: Awaited<ReturnType<typeof startPostgres>>,
  env: Readonly<Record<string, string>> = {},
): Promise<WatchedPit> {
  const port = await freePort()
  const databaseUrl = await postgres.freshDatabase()
  const world = await startWorld(t, { databaseUrl, env: { OPS_PORT: String(port), ...env } })
  return { world, url: `http://127.0.0.1:${port}/`, databaseUrl }
}

export interface FedPage extends WatchedPage {
  readonly feed: Feed
}

/** A console that shows what the spec sends. */
export async function openFed(
  t: Test,
  browser: Browser | undefined,
  { url, ...options }: BrowserContextOptions & { readonly url: string },
): Promise<FedPage> {
  if (browser === undefined) throw new Error(NO_BROWSER)
  let feed: Feed | undefined
  const prepare = async (page: Page): Promise<void> => {
    feed = await feedBySpec(page)
  }
  const watched = await openPage(t, browser, { viewport: WIDE, ...options, url, prepare })
  await watched.page.waitForSelector('#state-settled .count')
  if (feed === undefined) throw new Error('the page was prepared')
  await feed.open()
  return { ...watched, feed }
}
