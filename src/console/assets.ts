// The console's files: the pages of this folder, and two libraries as npm installed them.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Reply } from '../http/problem.ts'
import { projectFile } from '../infra/process/project-file.ts'

const KINDS: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

/** Files of packages, by the name under which the page asks for them. */
const LIBRARIES: Readonly<Record<string, readonly [packageName: string, path: string]>> = {
  'viz.js': ['@viz-js/viz', 'viz.js'],
  'uplot.js': ['uplot', 'uPlot.esm.js'],
  'uplot.css': ['uplot', 'uPlot.min.css'],
}

/** Where the page's own files lie, in the project. */
const PAGE = 'src/console/page'

/** Nothing from elsewhere, and no script but the files below; Graphviz is WebAssembly. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
]

export interface PageOptions {
  /** An origin that the page may show in a frame. */
  readonly frames?: string
}

/** A page of the folder. Rejects when the file is missing, which is a broken installation. */
export async function pageReply(name: string, { frames }: PageOptions = {}): Promise<Reply> {
  const policy = frames === undefined ? POLICY : [...POLICY, `frame-src ${frames}`]
  const body = await readFile(projectFile(`${PAGE}/${name}`), 'utf8')
  return reply('html', body, [
    ['Content-Security-Policy', policy.join('; ')],
    ['Referrer-Policy', 'no-referrer'],
  ])
}

/** A script, a style sheet or a picture; undefined for a name that is none of ours. */
export async function assetReply(name: string): Promise<Reply | undefined> {
  const kind = /^[\w-]+\.(js|css|svg)$/.exec(name)?.[1]
  if (kind === undefined) return undefined
  const path = Object.hasOwn(LIBRARIES, name) ? libraryPath(name) : projectFile(`${PAGE}/${name}`)
  const body = await readFile(path, 'utf8').catch(missing)
  return body === undefined ? undefined : reply(kind, body, [])
}

function libraryPath(name: string): string {
  const [packageName, file] = LIBRARIES[name] ?? ['', '']
  // Both packages' entries lie in the folder of the files wanted, wherever npm has put them.
  return join(dirname(createRequire(import.meta.url).resolve(packageName)), file)
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

function reply(kind: string, body: string, headers: Reply['headers']): Reply {
  const type = KINDS[kind] ?? 'text/plain'
  return {
    status: '200 OK',
    headers: [
      ['Content-Type', type],
      ['X-Content-Type-Options', 'nosniff'],
      ['Cache-Control', 'no-cache'],
      ...headers,
    ],
    body,
  }
}
