// The rehearsal of a start: before an instance takes payments it carries some out that are nobody's,
// from a request on a socket to both commits, so that the code on a payment's path is compiled when
// the first client comes.

import { isBug, wordsOf } from '../../actors/model/errors.ts'
import type { Clock } from '../../actors/model/ports.ts'
import type { Config } from '../../config/config.ts'
import { logBug, subsystemLogger } from '../../infra/process/logger.ts'
import type { RequestEnd } from '../../infra/processor/in-flight-requests.ts'
import { startInstance, type RehearsalInstance, type InstanceParts } from './instance.ts'

export interface RehearsalParts extends InstanceParts {
  readonly clock: Clock
  /** How many are rehearsed; absent: `PAYMENTS`. */
  readonly payments?: number
}

/** So many make the code as fast as it gets: one more makes no later payment cheaper. */
const PAYMENTS = 4_000

/** Payments between their post and their settlement; few, as an instance mostly has. */
const UNDER_WAY = 4

/** A summary is asked for after each so many payments. */
const PAYMENTS_PER_SUMMARY = 40

/** A commit may be slow once or twice, with all that are under way in it; more is an outage. */
const BAD_ANSWERS_MAX = 5 * UNDER_WAY

/** After a bad answer the next payment comes so much later, ms, as its client's would. */
const AGAIN_MS = 100

/** Share of the bound in which payments are posted; the rest is for taking their instance down. */
const POSTING_SHARE = 0.9

/**
 * Resolves within `WARM_UP_MS`, whatever happens: what fails is a line in the log, and the start goes
 * on. Where payments are open nothing is rehearsed, since somebody waits for this instance.
 */
export async function rehearse(config: Config, parts: RehearsalParts): Promise<void> {
  const { warmUpMs } = config
  if (warmUpMs === 0) return
  const { clock, adapters, logger, payments: enough = PAYMENTS } = parts
  const log = subsystemLogger(logger, 'rehearsal')
  const startedAt = clock.now()
  const rehearseOrSkip = async (): Promise<void> => {
    const { parked, owned } = await adapters.untraced.countOpen()
    if (parked + owned > 0) {
      log.info({ open: parked + owned }, 'rehearsal.skipped')
      return
    }
    const instance = await startInstance(config, parts)
    const until = startedAt + warmUpMs * POSTING_SHARE
    try {
      const payments = await postPayments(instance, { clock, until, enough })
      log.info({ payments, tookMs: Math.round(clock.now() - startedAt) }, 'rehearsal.ended')
    } finally {
      await instance.stop()
    }
  }
  try {
    await within(warmUpMs, clock, rehearseOrSkip())
  } catch (error) {
    if (isBug(error)) logBug(log, { err: error }, 'rehearsal.failed')
    else log.warn({ cause: wordsOf(error) }, 'rehearsal.failed')
  }
}

/** Rejects once the time is over; what comes of the work after that is told to nobody. */
function within(boundMs: number, clock: Clock, work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new Error(`not over in ${boundMs} ms`)), boundMs)
    void work.then(resolve, reject).finally(() => clock.clearTimeout(timer))
  })
}

/**
 * Posts payments, each when another one is settled, until there were enough or the time is over.
 * Resolves with how many were settled; rejects when too many requests were not answered well.
 */
function postPayments(
  instance: RehearsalInstance,
  {
    clock,
    until,
    enough,
  }: { readonly clock: Clock; readonly until: number; readonly enough: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    let settled = 0
    let badAnswers = 0
    let isOver = false
    const end = (settle: () => void): void => {
      clock.clearTimeout(timer)
      instance.onSettled = () => undefined
      isOver = true
      settle()
    }
    const timer = clock.setTimeout(
      () => end(() => resolve(settled)),
      Math.max(0, until - clock.now()),
    )
    const isGood = (answer: RequestEnd, status: number): boolean => {
      if (isOver || (answer.kind === 'answered' && answer.status === status)) return true
      badAnswers += 1
      const what = answer.kind === 'answered' ? answer.status : answer.detail
      if (badAnswers === BAD_ANSWERS_MAX)
        end(() => reject(new Error(`requests were answered ${what}, not ${status}`)))
      return isOver
    }
    const post = (): void => {
      if (isOver) return
      instance.post((answer) => {
        if (!isGood(answer, 202)) clock.setTimeout(post, AGAIN_MS)
      })
    }
    instance.onSettled = () => {
      settled += 1
      if (settled % PAYMENTS_PER_SUMMARY === 0)
        instance.askSummary((answer) => void isGood(answer, 200))
      if (settled < enough) post()
      else end(() => resolve(settled))
    }
    instance.ended.catch((error: unknown) => end(() => reject(error)))
    for (let payment = 0; payment < UNDER_WAY; payment += 1) post()
  })
}
