// What a check of `pit doctor` found, as one line.

import { codeOf, wordsOf } from '../../actors/model/errors.ts'

export interface Finding {
  /** `warn`: Pit runs, and something is not as it should be; `fails`: it cannot run so. */
  readonly result: 'ok' | 'warn' | 'fails'
  readonly subject: string
  /** What is so; where it is not ok also what to do. */
  readonly text: string
}

export function ok(subject: string, text: string): Finding {
  return { result: 'ok', subject, text }
}

export function warn(subject: string, text: string): Finding {
  return { result: 'warn', subject, text }
}

export function fails(subject: string, text: string): Finding {
  return { result: 'fails', subject, text }
}

const RESULT_WIDTH = 7
const SUBJECT_WIDTH = 15

export function lineOfFinding({ result, subject, text }: Finding): string {
  return `${result.padEnd(RESULT_WIDTH)}${subject.padEnd(SUBJECT_WIDTH)} ${text}`
}

/** The words of an error, with its code where they do not have it. */
export function causeIn(error: unknown): string {
  const [words, code] = [wordsOf(error), codeOf(error)]
  return code === '' || words.includes(code) ? words : `${words} (${code})`
}

/** Clocks that differ by more make windows of summaries doubtful, ms. */
const CLOCK_MAX_MS = 1_000

/** @param aheadMs of this machine's clock; uncertainMs how far that may be wrong. */
export function clockFinding(
  whose: string,
  { aheadMs, uncertainMs }: { readonly aheadMs: number; readonly uncertainMs: number },
): Finding {
  const certainMs = Math.max(0, Math.abs(aheadMs) - uncertainMs)
  const by = `${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`
  if (certainMs > CLOCK_MAX_MS) {
    return warn(`${whose} clock`, `is ${by} this machine’s: let NTP set both`)
  }
  return ok(`${whose} clock`, 'agrees with this machine’s')
}
