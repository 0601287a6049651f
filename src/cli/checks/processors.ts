// Checks of the two processors: whether each answers, what it says of itself, whether the token
// opens its books, and its clock.

import type { ProcessorName } from '../../actors/model/payment.ts'
import { askOverHttp, readFields, whyNoAnswer, type HttpAnswer } from '../ask-pit.ts'
import { clockFinding, fails, ok, warn, type Finding } from './finding.ts'

export interface CheckedProcessor {
  readonly name: ProcessorName
  readonly url: string
  readonly token: string | undefined
}

/** It answers one question in 5 s and lets the next one wait for its turn: twice as long, ms. */
const PROBE_ANSWER_MAX_MS = 10_000

export async function checkProcessor(processor: CheckedProcessor): Promise<readonly Finding[]> {
  const { name, url } = processor
  const [before, askedAt] = [Date.now(), performance.now()]
  try {
    const path = '/payments/service-health'
    const answer = await askOverHttp({ url, path, answerMaxMs: PROBE_ANSWER_MAX_MS })
    const halfMs = (performance.now() - askedAt) / 2
    const health = describeHealth(name, answer)
    if (health.result === 'fails') return [health]
    const clock = Number.isNaN(answer.at)
      ? []
      : [clockOf(name, { aheadMs: answer.at - (before + halfMs), halfMs })]
    return [health, await checkToken(processor), ...clock]
  } catch (error) {
    const setting = `PROCESSOR_${name.toUpperCase()}_URL`
    return [fails(name, `${url} gives ${whyNoAnswer(error)}: start it, or correct ${setting}`)]
  }
}

/** It may be asked once in 5 s, and a running Pit asks too. */
const ASKED_TOO_OFTEN = 429

function describeHealth(name: ProcessorName, { status, body }: HttpAnswer): Finding {
  if (status === ASKED_TOO_OFTEN) return ok(name, 'answers; its health was asked for just now')
  const { failing, minResponseTime } = readFields(body) ?? {}
  if (status !== 200 || typeof failing !== 'boolean') {
    return fails(name, `answers ${status} to /payments/service-health: it is no processor`)
  }
  if (failing) return warn(name, 'says of itself that it fails: payments wait, or go to the other')
  return ok(name, `works, and answers in ${String(minResponseTime)} ms`)
}

async function checkToken({ name, url, token }: CheckedProcessor): Promise<Finding> {
  const subject = `${name} books`
  if (token === undefined) {
    return warn(subject, 'PROCESSOR_TOKEN is unset: the console and pit reconcile cannot compare')
  }
  const headers = { 'X-Rinha-Token': token }
  const { status } = await askOverHttp({ url, path: '/admin/payments-summary', headers })
  if (status === 200) return ok(subject, 'PROCESSOR_TOKEN opens them')
  return warn(subject, `answered ${status}: PROCESSOR_TOKEN is not the processor’s`)
}

/** A `Date` is cut to the second, and servers make one a second. */
function clockOf(
  name: ProcessorName,
  { aheadMs, halfMs }: { readonly aheadMs: number; readonly halfMs: number },
): Finding {
  return clockFinding(name, { aheadMs: aheadMs + 1_000, uncertainMs: 1_000 + halfMs })
}
