// Slips in what is asked: a part of a condition that does not count, and a bound that is one off.

import ts from 'typescript'
import { changeOf, replacedBy, textOf, type Mutation } from './mutation.ts'

/**
 * @param taken what the condition may be taken for. Of `a && b` each part is taken for true and the
 * whole for false: the other two are noticed by whoever notices these.
 */
export function conditionMutations(
  condition: ts.Expression,
  taken: readonly boolean[],
): readonly Mutation[] {
  if (ts.isParenthesizedExpression(condition)) {
    return conditionMutations(condition.expression, taken)
  }
  if (isNot(condition)) {
    return conditionMutations(
      condition.operand,
      taken.map((value) => !value),
    )
  }
  const neutral = neutralOf(condition)
  if (neutral !== undefined) {
    const whole = taken.includes(!neutral) ? [replacedBy(condition, String(!neutral))] : []
    const parts = partsOf(condition, neutral)
    return [...whole, ...parts.flatMap((part) => conditionMutations(part, [neutral]))]
  }
  const isConstant = /^(true|false)$/.test(textOf(condition))
  const values = isConstant ? [] : taken.map((value) => replacedBy(condition, String(value)))
  return [...values, ...movedBound(condition)]
}

/** Whether an expression is true or false by its form alone. */
export function isBooleanShaped(node: ts.Expression): boolean {
  if (isNot(node)) return true
  if (!ts.isBinaryExpression(node)) return false
  return neutralOf(node) !== undefined || COMPARES.has(textOf(node.operatorToken))
}

const COMPARES: ReadonlySet<string> = new Set([
  '===',
  '!==',
  '<',
  '<=',
  '>',
  '>=',
  'in',
  'instanceof',
])

function movedBound(node: ts.Expression): readonly Mutation[] {
  if (!ts.isBinaryExpression(node)) return []
  const { operatorToken } = node
  const by = MOVED[textOf(operatorToken)]
  if (by === undefined) return []
  return [changeOf(node, { start: operatorToken.getStart(), end: operatorToken.end, by })]
}

const MOVED: Readonly<Record<string, string>> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>' }

function isNot(node: ts.Expression): node is ts.PrefixUnaryExpression {
  return ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken
}

/** The value that a part must have so as not to count; undefined: nothing is joined. */
function neutralOf(node: ts.Expression): boolean | undefined {
  if (!ts.isBinaryExpression(node)) return undefined
  const { kind } = node.operatorToken
  if (kind === ts.SyntaxKind.AmpersandAmpersandToken) return true
  return kind === ts.SyntaxKind.BarBarToken ? false : undefined
}

/** All that is joined in the same way. */
function partsOf(node: ts.Expression, neutral: boolean): readonly ts.Expression[] {
  const bare = ts.isParenthesizedExpression(node) ? node.expression : node
  if (!ts.isBinaryExpression(bare) || neutralOf(bare) !== neutral) return [node]
  return [...partsOf(bare.left, neutral), ...partsOf(bare.right, neutral)]
}
