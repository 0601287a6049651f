// One slip: a piece of a module's text and what stands in its place.

import type ts from 'typescript'

/** What a node is to its parent, and so how it can be switched: see `instrument.ts`. */
export type Place = 'expression' | 'statement' | 'property' | 'element'

export interface Mutation {
  readonly node: ts.Node
  readonly place: Place
  /** Offsets in the module's text of what is replaced, within the node. */
  readonly start: number
  readonly end: number
  readonly by: string
}

export function changeOf(
  node: ts.Expression,
  { start, end, by }: { readonly start: number; readonly end: number; readonly by: string },
): Mutation {
  return { node, place: 'expression', start, end, by }
}

export function replacedBy(node: ts.Expression, by: string): Mutation {
  return { node, place: 'expression', start: node.getStart(), end: node.end, by }
}

export function withoutNode(node: ts.Node, place: Exclude<Place, 'expression'>): Mutation {
  return { node, place, start: node.getStart(), end: node.end, by: '' }
}

export function textOf(node: ts.Node): string {
  return node.getText()
}
