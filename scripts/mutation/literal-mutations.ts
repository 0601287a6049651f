// Slips in numbers, truths and texts. Texts of errors are for people and stay as they are.

import ts from 'typescript'
import { replacedBy, textOf, type Mutation } from './mutation.ts'

export function literalMutations(node: ts.Expression): readonly Mutation[] {
  if (isName(node)) return []
  if (ts.isNumericLiteral(node))
    return numbersBeside(Number(textOf(node).replaceAll('_', '')), node)
  if (ts.isBigIntLiteral(node)) return [replacedBy(node, `(${textOf(node)} + 1n)`)]
  if (node.kind === ts.SyntaxKind.TrueKeyword)
    return isLoop(node) ? [] : [replacedBy(node, 'false')]
  if (node.kind === ts.SyntaxKind.FalseKeyword) return [replacedBy(node, 'true')]
  if (ts.isRegularExpressionLiteral(node)) return unanchored(node)
  if (ts.isStringLiteralLike(node)) {
    if (isCompared(node) || isInError(node)) return []
    return [replacedBy(node, node.text === '' ? "'?'" : "''")]
  }
  if (ts.isTemplateExpression(node)) return isInError(node) ? [] : [replacedBy(node, "''")]
  if (ts.isArrayLiteralExpression(node) && !isTarget(node)) {
    const isPlain = node.elements.length > 0 && !node.elements.some(isLiteral)
    return isPlain ? [replacedBy(node, '[]')] : []
  }
  return []
}

/** One up and one down for what is counted, twice and none for what is measured. */
function numbersBeside(value: number, node: ts.NumericLiteral): readonly Mutation[] {
  if (value === 0) return [replacedBy(node, '1')]
  const isCount = Number.isInteger(value) && value <= COUNT_MAX
  const beside = isCount ? [value - 1, value + 1] : [0, value * 2]
  return beside.map((each) => replacedBy(node, String(each)))
}

/** Numbers above are taken for measures: milliseconds, bytes. */
const COUNT_MAX = 10

function isName(node: ts.Node): boolean {
  const { parent } = node
  return (
    (ts.isPropertyAssignment(parent) && parent.name === node) ||
    ts.isExternalModuleReference(parent) ||
    ts.isTaggedTemplateExpression(parent) ||
    (ts.isCallExpression(parent) && parent.expression.kind === ts.SyntaxKind.ImportKeyword)
  )
}

function isLoop({ parent }: ts.Node): boolean {
  return ts.isWhileStatement(parent)
}

/** The comparison is taken for true and for false already. */
function isCompared({ parent }: ts.Node): boolean {
  return ts.isBinaryExpression(parent) && /^(===|!==|in)$/.test(textOf(parent.operatorToken))
}

function isInError(node: ts.Node): boolean {
  for (let { parent } = node; !ts.isSourceFile(parent); { parent } = parent) {
    if (ts.isThrowStatement(parent)) return true
    if (ts.isNewExpression(parent) && FAILURES.test(textOf(parent.expression))) return true
    if (ts.isCallExpression(parent) && /^(assert|unprovided)\b/.test(textOf(parent.expression)))
      return true
    if (ts.isStatement(parent)) return false
  }
  return false
}

function isTarget(node: ts.Expression): boolean {
  const { parent } = node
  return ts.isBinaryExpression(parent) && parent.left === node
}

function isLiteral(node: ts.Expression): boolean {
  return ts.isStringLiteralLike(node) || ts.isNumericLiteral(node)
}

function unanchored(node: ts.RegularExpressionLiteral): readonly Mutation[] {
  const text = textOf(node)
  const without = [text.replace(/^\/\^/, '/'), text.replace(/\$(?=\/[a-z]*$)/, '')]
  return without.filter((each) => each !== text).map((each) => replacedBy(node, each))
}

/** Classes of failures: their texts are for people. */
const FAILURES =
  /(Error|Failed|Invalid|Lost|Unavailable|Unreachable|DamagedPayment|UnreadableReply)$/
