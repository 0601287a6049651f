// What a processor says that it has recorded: its operators' summary, which takes a token. Only for
// people who compare books; no payment depends on it.

import { request } from 'undici'

export interface BooksWindow {
  /** Both ends inclusive, epoch ms. */
  readonly from: number
  readonly to: number
}

export interface RecordedTotal {
  readonly payments: number
  readonly cents: number
}

const TIMEOUT_MS = 2_000

/** Undefined when the processor does not tell: down, a wrong token, an answer in another form. */
export async function readProcessorBooks(
  { url, token }: { readonly url: string; readonly token: string },
  { from, to }: BooksWindow,
): Promise<RecordedTotal | undefined> {
  const query = new URLSearchParams({ from: instant(from), to: instant(to) }).toString()
  try {
    const { statusCode, body } = await request(`${url}/admin/payments-summary?${query}`, {
      headers: { 'X-Rinha-Token': token },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const answer: unknown = await body.json()
    return statusCode === 200 ? totalOf(answer) : undefined
  } catch {
    return undefined
  }
}

function instant(epochMs: number): string {
  return new Date(epochMs).toISOString()
}

function totalOf(answer: unknown): RecordedTotal | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined
  const { totalRequests, totalAmount } = answer as Readonly<Record<string, unknown>>
  if (typeof totalRequests !== 'number' || typeof totalAmount !== 'number') return undefined
  return { payments: totalRequests, cents: Math.round(totalAmount * 100) }
}
