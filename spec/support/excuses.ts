// Exceptions from a rule of style, each with its reason. One that nothing needs any more is a fault.

/** By what is excused: why it is. */
export type Excuses = Readonly<Record<string, string>>

interface Judgement {
  readonly unexcused: readonly string[]
  readonly unused: readonly string[]
}

export const ALL_EXCUSED: Judgement = { unexcused: [], unused: [] }

/** What breaks a rule without an excuse, and which excuses nothing needs. */
export function judged(found: readonly string[], excuses: Excuses): Judgement {
  return {
    unexcused: found.filter((each) => excuses[each] === undefined),
    unused: Object.keys(excuses).filter((each) => !found.includes(each)),
  }
}
