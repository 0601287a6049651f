// Tabs of the console in a Chromium without a window, and the CPU that they take.

import { existsSync } from 'node:fs'
import { type CDPSession, chromium, type Browser } from 'playwright-core'

export interface Tabs {
  /** CPU since the start, ms. */
  cpu(): Promise<TabsCpu>
  close(): Promise<void>
}

export interface TabsCpu {
  /** All processes of the browser: also what puts the picture together. */
  readonly browserMs: number
  /** The tabs' main threads alone: scripts, styles, layout, paint. */
  readonly mainThreadsMs: number
}

/** Undefined where there is no Chromium. */
export async function openTabs(url: string, tabs: number): Promise<Tabs | undefined> {
  const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
  if (!existsSync(executablePath)) return undefined
  const browser = await chromium.launch({
    executablePath,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  const sessions: CDPSession[] = []
  for (let tab = 0; tab < tabs; tab += 1) sessions.push(await openTab(browser, url))
  const whole = await browser.newBrowserCDPSession()
  return {
    async cpu() {
      const { processInfo } = await whole.send('SystemInfo.getProcessInfo')
      const seconds = await Promise.all(sessions.map(taskSeconds))
      return {
        browserMs: 1000 * total(processInfo.map(({ cpuTime }) => cpuTime)),
        mainThreadsMs: 1000 * total(seconds),
      }
    },
    close: () => browser.close(),
  }
}

async function openTab(browser: Browser, url: string): Promise<CDPSession> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 1060 } })
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable')
  await page.goto(url)
  await page.waitForSelector('#state-settled .count')
  return session
}

async function taskSeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics')
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0)
}
