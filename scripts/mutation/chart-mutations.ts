// Slips in a chart: a guard, an action, a transition or an invoked actor that is not there. Names are
// not touched, since XState itself refuses those that it does not know.

import ts from 'typescript'
import { textOf, withoutNode, type Mutation } from './mutation.ts'

/** @param visit takes what the chart has besides names: mappers and other code. */
export function chartMutations(
  node: ts.Expression,
  visit: (node: ts.Node) => void,
  within = '',
): readonly Mutation[] {
  if (ts.isStringLiteralLike(node)) return []
  if (ts.isArrayLiteralExpression(node)) {
    return node.elements.flatMap((each) => [
      ...(node.elements.length > 1 ? [withoutNode(each, 'element')] : []),
      ...chartMutations(each, visit, within),
    ])
  }
  if (!ts.isObjectLiteralExpression(node)) {
    visit(node)
    return []
  }
  return node.properties.flatMap((property) => {
    if (!ts.isPropertyAssignment(property)) return []
    const key = textOf(property.name)
    const isRemovable = REMOVABLE.has(key) || NAMED.has(within)
    return [
      ...(isRemovable ? [withoutNode(property, 'property')] : []),
      ...chartMutations(property.initializer, visit, key),
    ]
  })
}

const REMOVABLE: ReadonlySet<string> = new Set([
  'actions',
  'always',
  'entry',
  'exit',
  'guard',
  'invoke',
  'onDone',
  'onError',
  'reenter',
  'tags',
  'target',
])

/** Keys whose own keys are names of events and delays. */
const NAMED: ReadonlySet<string> = new Set(['after', 'on'])
