// Slips in SQL: a bound one off, a condition joined in another way, a lock or a limit that is not
// there.

import ts from 'typescript'
import { changeOf, textOf, type Mutation } from './mutation.ts'

export function isSql(node: ts.Node): node is ts.StringLiteralLike | ts.TemplateExpression {
  const isText = ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)
  return isText && /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WHERE|ORDER BY)\b/.test(textOf(node))
}

export function sqlMutations(
  node: ts.StringLiteralLike | ts.TemplateExpression,
): readonly Mutation[] {
  const text = textOf(node)
  return SLIPS.flatMap(([pattern, by]) =>
    [...text.matchAll(pattern)].map(({ 0: found, index }) => {
      const start = node.getStart() + index
      return changeOf(node, { start, end: start + found.length, by })
    }),
  )
}

const SLIPS: readonly (readonly [RegExp, string])[] = [
  [/(?<= )<(?= )/g, '<='],
  [/(?<= )<=(?= )/g, '<'],
  [/(?<= )>(?= )/g, '>='],
  [/(?<= )>=(?= )/g, '>'],
  [/(?<= )\+(?= )/g, '-'],
  [/(?<= )-(?= )/g, '+'],
  [/\bAND\b/g, 'OR'],
  [/\bOR\b/g, 'AND'],
  [/\bIS NULL\b/g, 'IS NOT NULL'],
  [/\bIS NOT NULL\b/g, 'IS NULL'],
  [/\bNOT EXISTS\b/g, 'EXISTS'],
  [/\bSKIP LOCKED\b/g, ''],
  [/\bFOR UPDATE\b(?! SKIP)/g, ''],
  [/\bLIMIT \$\d+/g, ''],
  [/\bDISTINCT\b/g, ''],
  [/\bDESC\b/g, ''],
  [/\bsum\(/g, 'max('],
  [/\bmin\(/g, 'max('],
  [/\bmax\(/g, 'min('],
  [/\bleast\(/g, 'greatest('],
  [/\bgreatest\(/g, 'least('],
]
