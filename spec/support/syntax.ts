// What a source file imports, passes on and reaches for, as TypeScript's own parser sees it: texts
// and comments are never taken for code.

import ts from 'typescript'

/** Stands for an import whose target is worked out while the program runs. */
export const COMPUTED = '(computed)'

/** What a file imports or re-exports, in any of the ways there are, as written. */
export function importsOf(path: string, text: string): readonly string[] {
  const found: string[] = []
  const add = (target: ts.Node | undefined): void => {
    if (target === undefined) return
    found.push(ts.isStringLiteralLike(target) ? target.text : COMPUTED)
  }
  visit(parse(path, text), (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier)
    else if (ts.isExternalModuleReference(node)) add(node.expression)
    else if (ts.isImportTypeNode(node)) add(literalOf(node.argument))
    else if (ts.isCallExpression(node) && loads(node.expression)) add(node.arguments[0])
  })
  return found
}

/** Names that a file exports although it has them from another file, with that file. */
export function passedOnBy(path: string, text: string): readonly (readonly [string, string])[] {
  const origins = new Map<string, string>()
  const found: (readonly [string, string])[] = []
  for (const node of parse(path, text).statements) {
    if (ts.isImportDeclaration(node)) for (const name of namesOf(node)) origins.set(...name)
    if (!ts.isExportDeclaration(node)) continue
    const from = node.moduleSpecifier
    const clause = node.exportClause
    const names = clause !== undefined && ts.isNamedExports(clause) ? clause.elements : undefined
    if (from !== undefined && ts.isStringLiteral(from)) {
      for (const name of names ?? [undefined]) found.push([name?.name.text ?? '*', from.text])
    } else {
      for (const { name, propertyName } of names ?? []) {
        const origin = origins.get((propertyName ?? name).text)
        if (origin !== undefined) found.push([name.text, origin])
      }
    }
  }
  return found
}

/** Values that a file exports of its own: no types, which say what those take and give. */
export function exportedBy(path: string, text: string): readonly string[] {
  return parse(path, text).statements.flatMap((node): readonly string[] => {
    const isType = ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)
    if (isType || !ts.canHaveModifiers(node)) return []
    const isExported = ts
      .getModifiers(node)
      ?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    if (isExported !== true) return []
    if (ts.isVariableStatement(node)) {
      return node.declarationList.declarations.flatMap(({ name }) => boundBy(name))
    }
    const { name } = node as ts.DeclarationStatement
    return name !== undefined && ts.isIdentifier(name) ? [name.text] : []
  })
}

/** What a file takes from other files, with each file: `*` stands for whatever there is. */
export function takenBy(path: string, text: string): readonly (readonly [string, string])[] {
  const found: (readonly [string, string])[] = []
  const take = (names: readonly string[], from: ts.Node | undefined): void => {
    if (from === undefined || !ts.isStringLiteralLike(from)) return
    for (const name of names) found.push([name, from.text])
  }
  visit(parse(path, text), (node) => {
    if (ts.isImportDeclaration(node)) {
      take(takenIn(node.importClause?.namedBindings), node.moduleSpecifier)
    } else if (ts.isExportDeclaration(node)) take(takenIn(node.exportClause), node.moduleSpecifier)
    else if (ts.isImportTypeNode(node)) take(['*'], literalOf(node.argument))
    else if (ts.isCallExpression(node) && loads(node.expression)) take(['*'], node.arguments[0])
  })
  return found
}

function takenIn(bindings: ts.NamedImportBindings | ts.NamedExportBindings | undefined) {
  const isNamed = bindings !== undefined && 'elements' in bindings
  return isNamed
    ? bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text)
    : ['*']
}

/** Whether a file has nothing but what it passes on. */
export function onlyPassesOn(path: string, text: string): boolean {
  const { statements } = parse(path, text)
  const own = statements.filter(
    (node) => !ts.isImportDeclaration(node) && !ts.isExportDeclaration(node),
  )
  return statements.some((node) => ts.isExportDeclaration(node)) && own.length === 0
}

/** Names of classes, interfaces, types, functions and variables that a file declares. */
export function declaredIn(path: string, text: string): readonly string[] {
  const found: string[] = []
  visit(parse(path, text), (node) => {
    const isDeclared =
      ts.isClassLike(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isVariableDeclaration(node)
    if (isDeclared && node.name !== undefined && ts.isIdentifier(node.name)) {
      found.push(node.name.text)
    }
  })
  return found
}

/** Those of the names that a file uses as something of the outside, not as a property's name. */
export function globalsIn(
  path: string,
  text: string,
  names: ReadonlySet<string>,
): readonly string[] {
  const found = new Set<string>()
  visit(parse(path, text), (node, parent) => {
    if (!ts.isIdentifier(node) || isPropertyName(node, parent)) return
    if (node.text === 'Math' && !isPlainMath(parent)) found.add('Math.random')
    else if (names.has(node.text)) found.add(node.text)
  })
  return [...found]
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
}

function visit(node: ts.Node, see: (node: ts.Node, parent: ts.Node) => void): void {
  ts.forEachChild(node, (child) => {
    see(child, node)
    visit(child, see)
  })
}

/** `import(…)`, `require(…)`, `createRequire(…)(…)`. */
function loads(callee: ts.Expression): boolean {
  if (callee.kind === ts.SyntaxKind.ImportKeyword) return true
  if (ts.isIdentifier(callee)) return callee.text === 'require'
  return (
    ts.isCallExpression(callee) &&
    ts.isIdentifier(callee.expression) &&
    callee.expression.text === 'createRequire'
  )
}

function literalOf(argument: ts.TypeNode): ts.Node {
  return ts.isLiteralTypeNode(argument) ? argument.literal : argument
}

function boundBy(name: ts.BindingName): readonly string[] {
  if (ts.isIdentifier(name)) return [name.text]
  return name.elements.flatMap((each) => (ts.isOmittedExpression(each) ? [] : boundBy(each.name)))
}

function namesOf({ importClause, moduleSpecifier }: ts.ImportDeclaration): [string, string][] {
  const from = ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : COMPUTED
  const bindings = importClause?.namedBindings
  const named = bindings === undefined ? [] : namesIn(bindings)
  return [...(importClause?.name === undefined ? [] : [importClause.name.text]), ...named].map(
    (name) => [name, from],
  )
}

function namesIn(bindings: ts.NamedImportBindings): readonly string[] {
  if (ts.isNamespaceImport(bindings)) return [bindings.name.text]
  return bindings.elements.map(({ name }) => name.text)
}

function isPropertyName(node: ts.Identifier, parent: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent)) {
    return node === (ts.isQualifiedName(parent) ? parent.right : parent.name)
  }
  const isNamed =
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isGetAccessorDeclaration(parent)
  return isNamed && parent.name === node
}

/** `Math.max`, but neither `Math.random` nor Math as a value, which has it too. */
function isPlainMath(parent: ts.Node): boolean {
  return ts.isPropertyAccessExpression(parent) && parent.name.text !== 'random'
}
