// Checks of the two processors: whether each answers, what it says of itself, whether the token
// opens its books, and its clock.

import { setTimeout as delay } from 'node:timers/promises'
import type { ProcessorName } from '../../actors/model/payment.ts'
import { askOverHttp, readFields, whyNoAnswer } from '../ask-pit.ts'
import type { HttpAnswer, HttpQuestion } from '../ask-pit.ts'
import { clockFinding, fails, ok, warn, type Finding } from './finding.ts'

export interface CheckedProcessor {
  readonly name: ProcessorName
  readonly url: string
  readonly token: string | undefined
}

/** A processor lets the next question wait for its turn, 5 s: bound on its answer, ms. */
const PROBE_ANSWER_MAX_MS = 10_000

export async function checkProcessor(processor: CheckedProcessor): Promise<readonly Finding[]> {
  const { name, url } = processor
  const [probe, books] = await Promise.all([askForHealth(url), askForBooks(processor)])
  if ('error' in probe && 'error' in books) {
    const setting = `PROCESSOR_${name.toUpperCase()}_URL`
    return [
      fails(name, `${url} gives ${whyNoAnswer(probe.error)}: start it, or correct ${setting}`),
    ]
  }
  const health = describeHealth(name, probe)
  if (health.result === 'fails') return [health]
  const clock = 'error' in probe ? [] : describeClock(name, probe)
  return [health, describeBooks(processor, books), ...clock]
}

interface Answered {
  readonly answer: HttpAnswer
  /** By this machine's clock when it was asked, epoch ms, and half of the time until its answer. */
  readonly askedAt: number
  readonly halfMs: number
}

type Asked = Answered | { readonly error: unknown }

async function asked(question: HttpQuestion): Promise<Asked> {
  const [askedAt, before] = [Date.now(), performance.now()]
  try {
    const answer = await askOverHttp(question)
    return { answer, askedAt, halfMs: (performance.now() - before) / 2 }
  } catch (error) {
    return { error }
  }
}

/** A processor may be asked for its health once in 5 s by all together, and a running Pit asks too. */
const ASKED_TOO_OFTEN = 429
const PROBES_EVERY_MS = 5_000

/** Asks once more after an answer that says that somebody else was quicker. */
async function askForHealth(url: string): Promise<Asked> {
  const question = { url, path: '/payments/service-health', answerMaxMs: PROBE_ANSWER_MAX_MS }
  const first = await asked(question)
  if ('error' in first || first.answer.status !== ASKED_TOO_OFTEN) return first
  await delay(PROBES_EVERY_MS)
  return await asked(question)
}

/** Asked without a token as well: any answer shows that somebody is there. */
function askForBooks({ url, token }: CheckedProcessor): Promise<Asked> {
  const headers = token === undefined ? {} : { 'X-Rinha-Token': token }
  return asked({ url, path: '/admin/payments-summary', headers })
}

const UNKNOWN = 'its health is not known; payments are sent to it all the same'

function describeHealth(name: ProcessorName, probe: Asked): Finding {
  if ('error' in probe)
    return warn(name, `${whyNoAnswer(probe.error)} about its health: ${UNKNOWN}`)
  const { status, body } = probe.answer
  if (status === ASKED_TOO_OFTEN)
    return warn(name, `others ask for its health too often: ${UNKNOWN}`)
  if (status >= 500) return warn(name, `answers ${status} to /payments/service-health: ${UNKNOWN}`)
  const { failing, minResponseTime } = readFields(body) ?? {}
  if (status !== 200 || typeof failing !== 'boolean' || !isDuration(minResponseTime)) {
    return fails(name, `answers ${status} to /payments/service-health: it is no processor`)
  }
  if (failing) return warn(name, 'says of itself that it fails: payments wait, or go to the other')
  return ok(name, `says that it works, and answers in ${minResponseTime} ms`)
}

/** As Pit itself reads it. */
function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}

function describeBooks({ name, token }: CheckedProcessor, books: Asked): Finding {
  const subject = `${name} books`
  if (token === undefined) {
    return warn(subject, 'PROCESSOR_TOKEN is unset: the console and pit reconcile cannot compare')
  }
  if ('error' in books) return warn(subject, `${whyNoAnswer(books.error)}: nobody can compare them`)
  const { status, body } = books.answer
  if (status !== 200)
    return warn(subject, `answered ${status}: PROCESSOR_TOKEN is not the processor’s`)
  const { totalRequests } = readFields(body) ?? {}
  if (typeof totalRequests === 'number') return ok(subject, 'PROCESSOR_TOKEN opens them')
  return warn(subject, 'its answer is no summary: nobody can compare them')
}

/** Nothing where the answer has no `Date`. */
function describeClock(
  name: ProcessorName,
  { answer: { at }, askedAt, halfMs }: Answered,
): readonly Finding[] {
  return Number.isNaN(at) ? [] : [clockOf(name, { aheadMs: at - (askedAt + halfMs), halfMs })]
}

/** A `Date` is cut to the second, and servers make one a second. */
function clockOf(
  name: ProcessorName,
  { aheadMs, halfMs }: { readonly aheadMs: number; readonly halfMs: number },
): Finding {
  return clockFinding(name, { aheadMs: aheadMs + 1_000, uncertainMs: 1_000 + halfMs })
}
