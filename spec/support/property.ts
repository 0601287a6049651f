// A property that fast-check tries, as one assertion of its test.

import fc from 'fast-check'
import type { Test } from 'tap'

/** Fails with the smallest counter-example; `parameters` as those of fast-check. */
export function holdsAlways<Drawn>(
  t: Test,
  property: fc.IRawProperty<Drawn, false>,
  parameters?: fc.Parameters<Drawn>,
): void {
  const result = fc.check(property, parameters)
  t.notOk(result.failed, fc.defaultReportMessage(result) ?? 'holds for all that was drawn')
}
