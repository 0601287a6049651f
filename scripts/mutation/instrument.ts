// A module with all its slips in it at once, each behind a switch, so that it is compiled once. The
// switch is a number in the environment; without it the module does what it always does.

import ts from 'typescript'
import type { Mutation } from './mutation.ts'
import { mutationsOf } from './mutations.ts'

/** A slip as it is told: `from` and `to` are the lines around it, on one line. */
export interface Mutant {
  readonly id: number
  readonly line: number
  /** The function or the value that it is in; empty: none. */
  readonly within: string
  readonly from: string
  readonly to: string
}

export interface Instrumented {
  readonly mutants: readonly Mutant[]
  /** JavaScript that asks `isOn` for each slip. */
  readonly code: string
}

/** @param switchPath what the code imports `isOn` from. */
export function instrument(
  { path, text }: { readonly path: string; readonly text: string },
  switchPath: string,
): Instrumented {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const mutations = mutationsOf(source)
  const mutants = mutations.map((mutation, index) => told(source, mutation, index + 1))
  const byNode = new Map<ts.Node, Switched[]>()
  for (const [index, mutation] of mutations.entries()) {
    const others = byNode.get(mutation.node) ?? []
    byNode.set(mutation.node, [...others, { ...mutation, id: index + 1 }])
  }
  const body = written(source, { text, byNode })
  const switched = `import { isOn as ${IS_ON} } from '${switchPath}'\n${body}`
  const { outputText } = ts.transpileModule(switched, { fileName: path, compilerOptions: OPTIONS })
  return { mutants, code: outputText }
}

const IS_ON = '__isOn'

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
}

interface Switched extends Mutation {
  readonly id: number
}

interface Module {
  readonly text: string
  readonly byNode: ReadonlyMap<ts.Node, readonly Switched[]>
}

/** A node's text with the switches of what it contains, and its own around them. */
function written(node: ts.Node, module: Module): string {
  let inner = ''
  let from = node.getStart()
  ts.forEachChild(node, (child) => {
    if (child.getStart() < from || child.end === child.getStart()) return
    inner += module.text.slice(from, child.getStart()) + written(child, module)
    from = child.end
  })
  inner += module.text.slice(from, node.end)
  const own = module.byNode.get(node)
  return own === undefined ? inner : switched(inner, own, module)
}

function switched(inner: string, own: readonly Switched[], { text }: Module): string {
  const isOn = own.map(({ id }) => `${IS_ON}(${id})`).join(' || ')
  const [first] = own
  if (first?.place === 'statement') return `{ if (!(${isOn})) ${inner} }`
  if (first?.place === 'property') return `...(${isOn} ? {} : { ${inner} })`
  if (first?.place === 'element') return `...(${isOn} ? [] : [${inner}])`
  const others = own.map(({ id, node, start, end, by }) => {
    const changed = text.slice(node.getStart(), start) + by + text.slice(end, node.end)
    return `${IS_ON}(${id}) ? (${changed}) : `
  })
  return `(${others.join('')}(${inner}))`
}

/** Characters of text that are shown before and after a slip, and of the slip itself. */
const AROUND = 70
const SHOWN = 100

function told(source: ts.SourceFile, { node, start, end, by }: Mutation, id: number): Mutant {
  const { text } = source
  const lineStart = text.lastIndexOf('\n', start - 1) + 1
  const lineEnd = text.indexOf('\n', end)
  const before = oneLine(text.slice(lineStart, start))
  const after = oneLine(text.slice(end, lineEnd < 0 ? undefined : lineEnd))
  const show = (piece: string): string =>
    oneLine(`${before.slice(-AROUND)}${shortened(oneLine(piece))}${after.slice(0, AROUND)}`).trim()
  return {
    id,
    line: source.getLineAndCharacterOfPosition(start).line + 1,
    within: nameAround(node),
    from: show(text.slice(start, end)),
    to: show(by) || '(nothing)',
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}

function shortened(text: string): string {
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN / 2)} … ${text.slice(-SHOWN / 2)}`
}

function nameAround(node: ts.Node): string {
  for (let each = node; !ts.isSourceFile(each); each = each.parent) {
    if (isNamed(each)) return each.name.getText()
  }
  return ''
}

/** A function, or a value that the module declares. */
function isNamed(node: ts.Node): node is ts.Node & { readonly name: ts.Node } {
  if (ts.isFunctionDeclaration(node)) return node.name !== undefined
  if (ts.isVariableDeclaration(node)) return ts.isSourceFile(node.parent.parent.parent)
  if (ts.isPropertyAssignment(node)) return ts.isFunctionLike(node.initializer)
  return ts.isMethodDeclaration(node) || ts.isGetAccessorDeclaration(node)
}
