// The kinds of hostile requests: how often each comes, and which answers are right.

import {
  brokenJson,
  encodings,
  mutated,
  nested,
  oddAmounts,
  oddButRight,
  oddIds,
  oversized,
  repeated,
  wrongShape,
  wrongTypes,
} from './bodies.ts'
import type { Draw, Payload } from './payload.ts'
import {
  garbage,
  headerFloods,
  oddPaths,
  oddQueries,
  pipelined,
  smuggled,
  vanishing,
} from './requests.ts'

export interface Kind {
  readonly name: string
  /** Scripts of this kind among 100 or so. */
  readonly weight: number
  readonly draw: (draw: Draw) => Payload
  /** Statuses that are right. */
  readonly statuses: readonly number[]
  /** Whether the connection may be closed instead of an answer. */
  readonly closing: 'right' | 'wrong'
}

export const KINDS: readonly Kind[] = [
  kind('odd but right', 10, oddButRight, [202]),
  kind('repeated ids', 5, repeated, [202, 409]),
  kind('broken JSON', 10, brokenJson, [400]),
  kind('changed bytes', 12, mutated, [202, 400]),
  kind('wrong shapes', 8, wrongShape, [400]),
  kind('odd ids', 8, oddIds, [400]),
  kind('odd amounts', 8, oddAmounts, [400]),
  kind('wrong encodings', 5, encodings, [400]),
  kind('deep nesting', 5, nested, [202, 400, 413]),
  kind('oversized bodies', 3, oversized, [413], 'right'),
  kind('wrong types', 4, wrongTypes, [415]),
  kind('odd paths', 5, oddPaths, [200, 400, 403, 404, 405], 'right'),
  kind('odd queries', 5, oddQueries, [200, 400, 404]),
  kind('header floods', 4, headerFloods, [202, 400, 404, 431], 'right'),
  kind('garbage', 3, garbage, [200, 400, 404, 405, 431, 505], 'right'),
  kind('pipelined', 2, pipelined, [200, 202, 400, 404], 'right'),
  kind('smuggled', 2, smuggled, [400, 413], 'right'),
  kind('vanishing', 3, vanishing, [], 'right'),
]

/** Picks kinds by their weights. */
export function pickKind({ chance }: Draw): Kind {
  let left = chance.next() * KINDS.reduce((sum, { weight }) => sum + weight, 0)
  for (const each of KINDS) {
    left -= each.weight
    if (left < 0) return each
  }
  return chance.pick(KINDS)
}

function kind(
  name: string,
  weight: number,
  draw: Kind['draw'],
  statuses: readonly number[],
  closing: Kind['closing'] = 'wrong',
): Kind {
  return { name, weight, draw, statuses, closing }
}
