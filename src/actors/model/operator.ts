// Who operates Pit, and what they may do.

/** What a key opens, each with what stands before it: to look, and to give commands. */
export const SCOPES = ['view', 'operate'] as const
export type Scope = (typeof SCOPES)[number]

/** Whoever has shown a key. */
export interface Operator {
  /** As the file of keys has it, or `loopback`: there is no such file, and this machine is trusted. */
  readonly name: string
  readonly scope: Scope
}

/** The name of whoever sits at the machine, where there are no keys. */
export const LOOPBACK = 'loopback'

/**
 * Why a request to the operators' port was not carried out:
 * - `foreign`: by a page of another site, or under a name that anybody could point here;
 * - `noKey`, `unknownKey`: nobody has signed in, or with what is no key;
 * - `scope`: the key does not open this;
 * - `stale`: by a page of an earlier process, or of a session that has ended.
 */
export type AccessRefusal = 'foreign' | 'noKey' | 'unknownKey' | 'scope' | 'stale'

export function mayOperate({ scope }: Pick<Operator, 'scope'>): boolean {
  return scope === 'operate'
}
