// The description of the API as one page for people, made of the document itself. It needs no
// script and loads nothing.

import {
  responseOf,
  type ApiDocument,
  type ApiResponse,
  type ApiServer,
  type MediaType,
  type Operation,
  type Parameter,
  type Schema,
} from './document.ts'

/** A whole HTML document. */
export function renderDocs(api: ApiDocument): string {
  const { title, version, description } = api.info
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escaped(title)} API</title><style>${DOCS_STYLE}</style></head><body><main>`,
    `<h1>${escaped(title)} API <small>${escaped(version)}</small></h1>`,
    `<p>${prose(description)}</p><p><a href="/openapi.json">openapi.json</a></p>`,
    api.tags.map(({ name, description: text }) => renderTag(api, name, text)).join(''),
    '<h2>Shapes</h2>',
    Object.entries(api.components.schemas).map(renderNamed).join(''),
    '</main></body></html>',
  ].join('\n')
}

function renderTag(api: ApiDocument, tag: string, description: string): string {
  const operations = Object.entries(api.paths).flatMap(([path, { get, post, servers }]) => {
    const [server] = servers ?? api.servers
    const origin = server === undefined ? '' : originOf(server)
    return Object.entries({ get, post }).flatMap(([method, operation]) =>
      operation?.tags.includes(tag) === true
        ? [renderOperation(api, { method, path, origin }, operation)]
        : [],
    )
  })
  return `<h2>${escaped(tag)}</h2><p>${prose(description)}</p>${operations.join('')}`
}

/** The server's URL with the default of each variable. */
function originOf({ url, variables }: ApiServer): string {
  return url.replace(/\{(\w+)\}/g, (_, name: string) => variables[name]?.default ?? '')
}

function renderOperation(
  api: ApiDocument,
  { method, path, origin }: { method: string; path: string; origin: string },
  operation: Operation,
): string {
  const { operationId, summary, description, parameters = [], requestBody } = operation
  const responses = Object.entries(operation.responses).map(
    ([status, response]) => [status, responseOf(api, response)] as const,
  )
  return [
    `<article id="${escaped(operationId)}">`,
    `<h3><span class="method ${method}">${method.toUpperCase()}</span>`,
    `<code><span class="origin">${escaped(origin)}</span>${escaped(path)}</code></h3>`,
    `<p>${prose([summary, description].filter(Boolean).join(' '))}</p>`,
    parameters.length === 0 ? '' : section('Parameters', renderParameters(parameters)),
    requestBody === undefined ? '' : section('Body', renderContent(requestBody.content)),
    section('Answers', renderResponses(responses)),
    '</article>',
  ].join('')
}

function renderParameters(parameters: readonly Parameter[]): string {
  const items = parameters.map((parameter) => {
    const place = parameter.required === true ? `${parameter.in}, required` : parameter.in
    const about = `${place}, ${typeName(parameter.schema)}. ${prose(parameter.description)}`
    return `<dt><code>${escaped(parameter.name)}</code></dt><dd>${about}</dd>`
  })
  return `<dl>${items.join('')}</dl>`
}

function renderResponses(responses: readonly (readonly [string, ApiResponse])[]): string {
  const items = responses.map(([status, { description, content, headers = {} }]) => {
    const kind = /^[45]/.test(status) ? 'bad' : 'good'
    const described = Object.entries(headers).map(
      ([header, { description: text }]) => `<p><code>${escaped(header)}</code>: ${prose(text)}</p>`,
    )
    const body = content === undefined ? '' : renderContent(content)
    const about = `${prose(description)}${described.join('')}${body}`
    return `<dt class="${kind}">${escaped(status)}</dt><dd>${about}</dd>`
  })
  return `<dl>${items.join('')}</dl>`
}

function renderContent(content: Readonly<Record<string, MediaType>>): string {
  return Object.entries(content)
    .map(([mediaType, { schema, example }]) => {
      const shown = example === undefined ? '' : `<pre>${escaped(JSON.stringify(example))}</pre>`
      const type = schema.properties?.['type']?.const
      const problem = type === undefined ? '' : `, type <code>${escaped(String(type))}</code>`
      return `<p class="content">${escaped(mediaType)}: ${typeName(schema)}${problem}</p>${shown}`
    })
    .join('')
}

function renderNamed([name, schema]: readonly [string, Schema]): string {
  const { description = '', required = [] } = schema
  const members = Object.entries(schema.properties ?? {}).map(([member, about]) => {
    const need = required.includes(member) ? ', always' : ''
    const text = `${typeName(about)}${need}${boundsOf(about)}. ${prose(about.description ?? '')}`
    return `<dt><code>${escaped(member)}</code></dt><dd>${text}</dd>`
  })
  return [
    `<article id="schema-${escaped(name)}"><h3>${escaped(name)}</h3>`,
    `<p>${prose(description)}</p><dl>${members.join('')}</dl></article>`,
  ].join('')
}

/** HTML: a link where the schema stands elsewhere on the page. */
function typeName({ $ref, type, format, items, properties }: Schema): string {
  const name = $ref?.split('/').at(-1)
  if (name !== undefined) return `<a href="#schema-${escaped(name)}">${escaped(name)}</a>`
  if (items !== undefined) return `list of ${typeName(items)}`
  if (type !== 'object' || properties === undefined) return escaped(format ?? type ?? 'any')
  const members = Object.entries(properties).map(
    ([member, schema]) => `<code>${escaped(member)}</code>: ${typeName(schema)}`,
  )
  return `object (${members.join(', ')})`
}

function boundsOf({ exclusiveMinimum, minimum, maximum }: Schema): string {
  const bounds = [
    exclusiveMinimum === undefined ? undefined : `above ${exclusiveMinimum}`,
    minimum === undefined ? undefined : `at least ${minimum}`,
    maximum === undefined ? undefined : `at most ${maximum}`,
  ].filter((bound) => bound !== undefined)
  return bounds.length === 0 ? '' : `, ${bounds.join(', ')}`
}

function section(title: string, body: string): string {
  return `<section><h4>${title}</h4>${body}</section>`
}

/** A text with `code` in it. */
function prose(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>')
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

/** How the page looks: in the reader’s own fonts and colours, on any width. */
const DOCS_STYLE = `
:root { color-scheme: light dark; --line: #d9dde3; --soft: #f5f6f8; --quiet: #5b6472;
  --good: #176b3a; --bad: #a1260d; --link: #0b57d0 }
@media (prefers-color-scheme: dark) {
  :root { --line: #343a44; --soft: #1c2027; --quiet: #a0a9b8; --good: #6fcf97; --bad: #ff9b85;
    --link: #8ab4f8 }
  body { background: #14171c; color: #e6e9ee }
}
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere }
main { max-width: 56rem; margin: 0 auto; padding: 1.5rem 1rem 4rem }
h1 small, .origin, .content { color: var(--quiet); font-weight: normal }
h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); text-transform: capitalize }
h3 { margin: 0 0 .5rem; font-size: 1rem }
h4 { margin: 1rem 0 .25rem; font-size: .8rem; color: var(--quiet) }
article { margin: 1rem 0; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem }
article:target { border-color: var(--link) }
p { margin: .25rem 0 }
a { color: var(--link) }
code, pre { font: .875em/1.5 ui-monospace, monospace }
pre { padding: .5rem; background: var(--soft); border-radius: .25rem; white-space: pre-wrap }
.method { display: inline-block; padding: .1rem .5rem; margin-right: .5rem; border-radius: .25rem;
  background: var(--soft); font-size: .8rem }
.post { color: var(--good) }
.get { color: var(--link) }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .4rem 1rem; margin: 0 }
dt { font-weight: 600 }
dt.good { color: var(--good) }
dt.bad { color: var(--bad) }
dd { margin: 0 }
.content { font-size: .875rem }
@media (max-width: 32rem) {
  dl { grid-template-columns: 1fr; gap: 0 }
  dd { margin: 0 0 .6rem }
  .origin { display: none }
}
`
