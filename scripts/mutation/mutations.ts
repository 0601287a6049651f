// What may be put in the place of what in a module, so that a spec has to notice it. Of several slips
// that a spec notices together only the one that is hardest to notice is made: a condition is taken
// for true and for false and has its bound moved, but is not also negated.

import ts from 'typescript'
import { chartMutations } from './chart-mutations.ts'
import { conditionMutations, isBooleanShaped } from './condition-mutations.ts'
import { changeOf, replacedBy, textOf, withoutNode, type Mutation } from './mutation.ts'
import { isSql, sqlMutations } from './sql-mutations.ts'
import { literalMutations } from './literal-mutations.ts'

/** All slips of a module, in the order of its text. */
export function mutationsOf(source: ts.SourceFile): readonly Mutation[] {
  const found: Mutation[] = []
  const visit = (node: ts.Node): void => {
    if (isLeftAlone(node)) return
    found.push(...mutationsAt(node))
    if (isChart(node)) {
      visit(node.expression)
      for (const chart of node.arguments) found.push(...chartMutations(chart, visit))
    } else ts.forEachChild(node, visit)
  }
  visit(source)
  return distinct(found).toSorted(
    (one, other) => one.node.getStart() - other.node.getStart() || one.start - other.start,
  )
}

/** Types, imports, and what only says that something cannot happen. */
function isLeftAlone(node: ts.Node): boolean {
  return (
    ts.isTypeNode(node) ||
    ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    (ts.isExpressionStatement(node) && isAssert(node.expression))
  )
}

function isAssert(node: ts.Expression): boolean {
  return ts.isCallExpression(node) && /^assert\b/.test(textOf(node.expression))
}

function isChart(node: ts.Node): node is ts.CallExpression {
  return (
    ts.isCallExpression(node) &&
    ts.isPropertyAccessExpression(node.expression) &&
    node.expression.name.text === 'createMachine'
  )
}

function mutationsAt(node: ts.Node): readonly Mutation[] {
  if (ts.isExpressionStatement(node)) return removedStatement(node)
  if (leaves(node)) return removedLeaving(node)
  if (ts.isIfStatement(node)) return conditionMutations(node.expression, BOTH)
  if (ts.isConditionalExpression(node)) return conditionMutations(node.condition, BOTH)
  if (ts.isWhileStatement(node) || ts.isDoStatement(node)) {
    return conditionMutations(node.expression, ENDS)
  }
  if (ts.isForStatement(node)) {
    return node.condition === undefined ? [] : conditionMutations(node.condition, ENDS)
  }
  if (ts.isObjectLiteralExpression(node)) return droppedProperties(node)
  if (ts.isArrowFunction(node)) return removedBody(node)
  if (!ts.isExpression(node) || isWithinChain(node)) return []
  if (isSql(node)) return sqlMutations(node)
  return [
    ...(isBooleanShaped(node) && !isCondition(node) ? conditionMutations(node, BOTH) : []),
    ...operatorMutations(node),
    ...callMutations(node),
    ...chainMutations(node),
    ...literalMutations(node),
  ]
}

const BOTH: readonly boolean[] = [true, false]
/** A loop that never ends tells nothing that one which never begins does not tell. */
const ENDS: readonly boolean[] = [false]

function removedStatement(node: ts.ExpressionStatement): readonly Mutation[] {
  const { expression } = node
  const isSuper =
    ts.isCallExpression(expression) && expression.expression.kind === ts.SyntaxKind.SuperKeyword
  return isSuper || ts.isStringLiteral(expression) ? [] : [withoutNode(node, 'statement')]
}

function leaves(node: ts.Node): node is ts.Statement {
  return (
    ts.isReturnStatement(node) ||
    ts.isThrowStatement(node) ||
    ts.isContinueStatement(node) ||
    ts.isBreakStatement(node)
  )
}

/** Only where something stands before it: alone, its condition taken for false tells the same. */
function removedLeaving(node: ts.Statement): readonly Mutation[] {
  const { parent } = node
  const isBlock = ts.isBlock(parent)
  if (!isBlock && !ts.isCaseOrDefaultClause(parent)) return []
  if (parent.statements.length < 2) return []
  if (isBlock && ts.isFunctionLike(parent.parent)) return []
  return [withoutNode(node, 'statement')]
}

/** What a copy has changed is left as it was. */
function droppedProperties(node: ts.ObjectLiteralExpression): readonly Mutation[] {
  const { parent, properties } = node
  const isAssigned = ts.isCallExpression(parent) && textOf(parent.expression) === 'assign'
  const spread = isAssigned ? 0 : properties.findIndex((each) => ts.isSpreadAssignment(each))
  if (spread < 0 || isPattern(node) || isFirstContext(node)) return []
  return properties
    .slice(spread)
    .filter((each) => ts.isPropertyAssignment(each) || ts.isShorthandPropertyAssignment(each))
    .map((each) => withoutNode(each, 'property'))
}

/** A chart's first context: what it adds to its input would be missing, and the compiler says so. */
function isFirstContext({ parent }: ts.Node): boolean {
  const { parent: mapper } = parent
  return (
    ts.isArrowFunction(mapper) &&
    ts.isPropertyAssignment(mapper.parent) &&
    textOf(mapper.parent.name) === 'context'
  )
}

function isPattern({ parent }: ts.Node): boolean {
  return (
    ts.isBinaryExpression(parent) &&
    parent.operatorToken.kind === ts.SyntaxKind.EqualsToken &&
    ts.isObjectLiteralExpression(parent.left)
  )
}

/** An arrow that only calls: what it does is not done. */
function removedBody({ body, parent }: ts.ArrowFunction): readonly Mutation[] {
  const isCall =
    ts.isCallExpression(body) || ts.isVoidExpression(body) || ts.isAwaitExpression(body)
  if (!isCall || isAssert(body)) return []
  const isMapper =
    ts.isCallExpression(parent) &&
    ts.isPropertyAccessExpression(parent.expression) &&
    MAPPED_BY.has(parent.expression.name.text)
  return isMapper ? [] : [replacedBy(body, 'undefined')]
}

const MAPPED_BY: ReadonlySet<string> = new Set([
  'map',
  'flatMap',
  'filter',
  'some',
  'every',
  'find',
  'reduce',
  'sort',
  'toSorted',
])

function operatorMutations(node: ts.Expression): readonly Mutation[] {
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.MinusToken) {
    return [replacedBy(node, `(${textOf(node.operand)})`)]
  }
  if (ts.isPostfixUnaryExpression(node) || ts.isPrefixUnaryExpression(node)) {
    const counts = /\+\+|--/.exec(textOf(node))?.[0]
    if (counts === undefined || ts.isForStatement(node.parent)) return []
    const by = counts === '++' ? '--' : '++'
    return [replacedBy(node, textOf(node).replace(counts, by))]
  }
  if (!ts.isBinaryExpression(node)) return []
  const { left, operatorToken, right } = node
  const operator = textOf(operatorToken)
  if (operator === '??') return [replacedBy(node, textOf(left)), replacedBy(node, textOf(right))]
  const by = OPERATORS[operator]
  const isText = operator.startsWith('+') && [left, right].some(isTextLiteral)
  if (by === undefined || isText) return []
  return [changeOf(node, { start: operatorToken.getStart(), end: operatorToken.end, by })]
}

const OPERATORS: Readonly<Record<string, string>> = {
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '**': '*',
  '&': '|',
  '|': '&',
  '<<': '>>',
  '>>': '<<',
  '+=': '-=',
  '-=': '+=',
  '??=': '=',
}

function isTextLiteral(node: ts.Expression): boolean {
  return ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)
}

function callMutations(node: ts.Expression): readonly Mutation[] {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return []
  const { expression: receiver, name } = node.expression
  if (textOf(receiver) === 'Math' && (name.text === 'min' || name.text === 'max')) {
    const single = node.arguments.filter((each) => !ts.isSpreadElement(each))
    return single.map((each) => replacedBy(node, `(${textOf(each)})`))
  }
  if (DROPPED.has(name.text)) return [replacedBy(node, textOf(receiver))]
  const by = SWAPPED.get(name.text)
  return by === undefined ? [] : [changeOf(node, { start: name.getStart(), end: name.end, by })]
}

const DROPPED: ReadonlySet<string> = new Set([
  'filter',
  'slice',
  'trim',
  'sort',
  'toSorted',
  'reverse',
  'toReversed',
])

// A map: methods of every object, such as `toString`, are names too.
const SWAPPED: ReadonlyMap<string, string> = new Map([
  ['some', 'every'],
  ['every', 'some'],
  ['startsWith', 'endsWith'],
  ['endsWith', 'startsWith'],
  ['push', 'unshift'],
  ['unshift', 'push'],
  ['shift', 'pop'],
  ['pop', 'shift'],
  ['floor', 'ceil'],
  ['ceil', 'floor'],
  ['round', 'floor'],
  ['trunc', 'ceil'],
])

/** `a?.b` without its question mark. */
function chainMutations(node: ts.Expression): readonly Mutation[] {
  if (!isChained(node)) return []
  const found: Mutation[] = []
  let link: ts.Node = node
  while (isChained(link)) {
    const token = link.questionDotToken
    const by = ts.isPropertyAccessExpression(link) ? '.' : ''
    if (token !== undefined)
      found.push(changeOf(node, { start: token.getStart(), end: token.end, by }))
    link = link.expression
  }
  return found
}

type Chained = ts.PropertyAccessExpression | ts.ElementAccessExpression | ts.CallExpression

function isChained(node: ts.Node): node is Chained {
  return (
    (ts.isPropertyAccessExpression(node) ||
      ts.isElementAccessExpression(node) ||
      ts.isCallExpression(node)) &&
    ts.isOptionalChain(node)
  )
}

/** A link of `a?.b.c` before the last: wrapped by itself it would not be skipped with the others. */
function isWithinChain(node: ts.Expression): boolean {
  return isChained(node) && isChained(node.parent) && node.parent.expression === node
}

/** Whether somebody above has taken the expression, whole or in part, for a condition. */
function isCondition(node: ts.Node): boolean {
  const { parent } = node
  if (ts.isParenthesizedExpression(parent)) return isCondition(parent)
  if (ts.isPrefixUnaryExpression(parent)) return parent.operator === ts.SyntaxKind.ExclamationToken
  if (ts.isBinaryExpression(parent)) return isLogical(parent)
  if (ts.isConditionalExpression(parent)) return parent.condition === node
  if (ts.isForStatement(parent)) return parent.condition === node
  return (
    (ts.isIfStatement(parent) || ts.isWhileStatement(parent) || ts.isDoStatement(parent)) &&
    parent.expression === node
  )
}

function isLogical({ operatorToken: { kind } }: ts.BinaryExpression): boolean {
  return kind === ts.SyntaxKind.AmpersandAmpersandToken || kind === ts.SyntaxKind.BarBarToken
}

function distinct(mutations: readonly Mutation[]): readonly Mutation[] {
  const seen = new Set<string>()
  return mutations.filter(({ start, end, by, node }) => {
    if (textOf(node).slice(start - node.getStart(), end - node.getStart()) === by) return false
    const key = `${start} ${end} ${by}`
    const isNew = !seen.has(key)
    seen.add(key)
    return isNew
  })
}
