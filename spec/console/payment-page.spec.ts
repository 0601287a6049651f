// What the console says of a payment that its instance alone knows, or that waits in the retry queue.

import t, { type Test } from 'tap'
import type { FoundPayment } from '../../src/actors/model/found-payments.ts'
import type { PaymentStatus } from '../../src/actors/model/payment.ts'
import { uuid } from '../contracts/ledger-words.ts'
import { NO_BROWSER, openBrowser, openPage } from '../support/browser.ts'
import { startPostgres } from '../support/postgres.ts'
import { startWatched, WIDE } from '../support/watched-console.ts'

const browser = await openBrowser(t)
const postgres = await startPostgres(t)
const skip = browser === undefined && NO_BROWSER

const KNOWN = { correlationId: uuid(1), amountCents: 1_990, acceptedAt: Date.UTC(2026, 0, 31) }
const OWNED = { ...KNOWN, state: 'pending', waitsFor: 'owner', ownedBy: 'pit-1' } as const
const PARKED = { ...KNOWN, state: 'parked', waitsFor: 'retryQueue', attempts: [] } as const

/** A console to which Pit answers so. */
async function openTold(
  t: Test,
  told: { status?: PaymentStatus; found?: readonly FoundPayment[]; hash?: string },
) {
  if (browser === undefined) throw new Error(NO_BROWSER)
  const { url } = await startWatched(t, postgres)
  const { page } = await openPage(t, browser, {
    url: `${url}${told.hash ?? `#/payments/${uuid(1)}`}`,
    viewport: WIDE,
    prepare: async (page) => {
      const one = { paymentStatus: told.status, messages: null, inspects: false }
      await page.route(`**/console/payments/${uuid(1)}`, (asked) => asked.fulfill({ json: one }))
      const all = { payments: told.found }
      await page.route('**/console/payments?*', (asked) => asked.fulfill({ json: all }))
    },
  })
  return page
}

t.test('what another instance has attempted is not told to be nothing', { skip }, async (t) => {
  const status = { ...OWNED, attempts: [], attemptsKnownTo: 'pit-1' }

  const page = await openTold(t, { status })

  const words = 'What instance pit-1 has attempted is known there only: ask it.'
  await page.locator('#drawer-body .empty', { hasText: words }).waitFor()
  t.notMatch(await page.textContent('#drawer-body'), 'It has not been sent yet')
})

t.test('a list tells of attempts only those that are known', { skip }, async (t) => {
  const owned = { ...KNOWN, state: 'owned', ownedBy: 'pit-1', inDoubtAt: [] } as const
  const found = [owned, { ...owned, correlationId: uuid(2), attempts: 2 }]

  const page = await openTold(t, { found, hash: '#/payments' })
  await page.locator('#found tbody tr').nth(1).waitFor()

  t.same(await page.locator('#found tbody td:last-child').allTextContents(), ['–', '2+'])
})

t.test('a payment that is parked in doubt waits for a look-up', { skip }, async (t) => {
  const unknownOutcomes = [{ processor: 'default', requestedAt: null, remainingMs: 0 }] as const

  const page = await openTold(t, { status: { ...PARKED, unknownOutcomes } })

  const words = /retry queue, and then a look-up at the processor where its outcome is unknown/
  await page.locator('.status', { hasText: words }).waitFor()
  t.notMatch(await page.textContent('.status'), 'circuit')
})
