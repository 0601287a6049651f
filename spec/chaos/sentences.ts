// What broke in a chaos run, a sentence each.

import type { SelfReport } from '../../bench/load/self-watch.ts'
import type { JudgedRecovery } from './recovery-verdicts.ts'
import { TAKEOVER_MS_MAX } from './report.ts'
import { SETTLE_WITHIN_MS } from './settle.ts'
import type { Takeover } from './takeovers.ts'
import type { WindowCheck } from './windows.ts'

/** Longest that a client may wait for an answer, ms, besides what the load itself was late. */
const ANSWER_WITHIN_MS = 2000

/** Sentences of one kind that are shown. */
const SHOWN_MAX = 20

export function slowAnswers(slowestMs: number, self: SelfReport): readonly string[] {
  const bound = ANSWER_WITHIN_MS + self.delayMaxMs
  if (slowestMs <= bound) return []
  return [`an answer took ${Math.round(slowestMs)} ms, the bound is ${Math.round(bound)}`]
}

export function lateBacklog(emptiedMs: number | undefined): readonly string[] {
  if (emptiedMs === undefined) return ['the backlog did not become empty']
  if (emptiedMs <= SETTLE_WITHIN_MS) return []
  return [`the backlog became empty ${emptiedMs} ms after the last fault`]
}

export function lateTakeovers(takeovers: readonly Takeover[]): readonly string[] {
  return takeovers
    .filter(({ tookMs }) => tookMs > TAKEOVER_MS_MAX)
    .map(({ instance, fault, tookMs }) => `takeover of ${instance} after ${fault}: ${tookMs} ms`)
}

export function floodedRecoveries(recoveries: readonly JudgedRecovery[]): readonly string[] {
  return recoveries
    .filter(({ verdict }) => verdict === 'broken')
    .map(({ processor, fault, sends, waiting, accepted, openings }) => {
      const payments = `${waiting} payments that waited and ${accepted} that came in`
      return `${processor} after ${fault}: ${sends} charges for ${payments}, ${openings} openings`
    })
}

export function describeWindow({ window, difference }: WindowCheck): string {
  const ends = [window.from, window.to].map((end) =>
    end === undefined ? 'open' : new Date(end).toISOString(),
  )
  const off = difference === undefined ? 'no answer' : JSON.stringify(difference)
  return `window ${ends.join(' to ')}: ${off}`
}

export function shown(sentences: readonly string[]): readonly string[] {
  if (sentences.length <= SHOWN_MAX) return sentences
  return [...sentences.slice(0, SHOWN_MAX), `… ${sentences.length} of these in all`]
}
