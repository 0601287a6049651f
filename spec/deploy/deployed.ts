// What is deployed, as specs read it: YAML, files of variables, and what Pit says of settings.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { ConfigError, readConfig, type Config } from '../../src/config/config.ts'
import { SETTING_NAMES } from '../../src/config/variables.ts'
import { readText } from '../support/sources.ts'

/** A node of a document that a schema has found to be in order. */
export type Node = Readonly<Record<string, unknown>>

/** Every document of a file, with `<<` merged as compose does; throws what is wrong with the YAML. */
export function documentsOf(text: string): readonly Node[] {
  const documents = parseAllDocuments(text, { merge: true })
  return documents.map((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    return document.toJS() as Node
  })
}

/** `NAME=value` lines, without comments, as compose and kustomize read them. */
export function variablesOf(path: string): Readonly<Record<string, string>> {
  const lines = readText(path).split('\n')
  return Object.fromEntries(
    lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

/** A node below; empty where there is none. */
export function below(node: Node, ...keys: readonly string[]): Node {
  let found: unknown = node
  for (const key of keys) found = (found as Node | undefined)?.[key]
  return (found ?? {}) as Node
}

/** A text or number as text; anything else stands where it should not. */
export function word(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value)
  throw new Error(`${JSON.stringify(value)} is neither text nor number`)
}

export function list(value: unknown): readonly Node[] {
  return (value ?? []) as readonly Node[]
}

/** One secret by the last part of its file's path. */
export type Secrets = Readonly<Record<string, string>>

/** What Pit makes of an environment whose secrets lie in files, or its faults. */
export function settingsOf(
  environment: Readonly<Record<string, string>>,
  secrets: Secrets,
): { readonly config?: Config; readonly faults: readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'pit-secrets-'))
  try {
    const local = Object.entries(environment).map(([name, value]) => {
      if (!name.endsWith('_FILE')) return [name, value]
      const file = value.slice(value.lastIndexOf('/') + 1)
      const path = join(folder, file)
      writeFileSync(path, secrets[file] ?? '')
      return [name, path]
    })
    const unknown = Object.keys(environment).filter((name) => !SETTING_NAMES.includes(name))
    if (unknown.length > 0) return { faults: unknown.map((name) => `${name} is no setting`) }
    return { config: readConfig(Object.fromEntries(local) as Record<string, string>), faults: [] }
  } catch (error) {
    if (error instanceof ConfigError) return { faults: error.faults }
    throw error
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** After this, ms, a process that was asked to stop ends by force, beyond `SHUTDOWN_DEADLINE_MS`. */
export const LAST_EXIT_MS = 2000
