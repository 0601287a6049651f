// The keys that sign operators in: a file with a line for each, read again when it changes.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { watch } from 'node:fs'
import { dirname } from 'node:path'
import { LOOPBACK, SCOPES, type Operator, type Scope } from '../../actors/model/operator.ts'
import { readShortFile, type FileContent } from './short-file.ts'

/** A line of the file. The key itself is nowhere but with whoever it was given to. */
interface Line extends Operator {
  readonly hash: Buffer
}

/** The lines, or why there are none to go by: how a sentence goes on after the file's name. */
export type ReadKeys = { readonly lines: readonly Line[] } | { readonly fault: string }

const NAME = /^[\w.@-]{1,64}$/
const HASH = /^sha256:([\da-f]{64})$/

/** `NAME SCOPE sha256:HASH` in each line; `#` begins a comment. A fault never repeats a hash. */
export function readKeys(text: string): ReadKeys {
  const lines: Line[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const said = line.replace(/#.*/, '').trim()
    if (said === '') continue
    const read = readLine(said)
    if ('fault' in read) return { fault: `has in line ${index + 1} ${read.fault}` }
    lines.push(read)
  }
  return { lines }
}

function readLine(line: string): Line | { readonly fault: string } {
  const [name = '', word = '', hashed = '', ...more] = line.split(/\s+/)
  const scope = SCOPES.find((each) => each === word)
  const hash = HASH.exec(hashed)?.[1]
  if (!NAME.test(name)) {
    return { fault: 'no name: up to 64 letters, digits, dots, dashes, underscores, at signs' }
  }
  if (name === LOOPBACK) return { fault: `the name ${LOOPBACK}, which stands for no key` }
  if (scope === undefined) {
    // A hash in its place is left out, as is whatever else could be a secret.
    const said = /^[a-z-]{1,16}$/.test(word) ? `the scope ${word}, which is none` : 'no scope'
    return { fault: `${said} of ${SCOPES.join(', ')}` }
  }
  if (hash === undefined || more.length > 0) {
    return { fault: 'no sha256: and 64 hexadecimal digits at its end (pit keys new makes a line)' }
  }
  return { name, scope, hash: Buffer.from(hash, 'hex') }
}

/** Whose keys the file has, or why it cannot be gone by: how a sentence goes on after its name. */
export function inspectKeysFile(
  path: string,
): { readonly keys: readonly Operator[] } | { readonly fault: string } {
  const read = linesOf(readShortFile(path))
  return 'fault' in read ? read : { keys: read.lines.map(operatorIn) }
}

/** A fresh key: 256 random bits, so that one round of a fast hash keeps it secret. */
export function newKey(): string {
  return `pit_${randomBytes(32).toString('base64url')}`
}

/** What the file has for a key. */
export function keyLine(key: string, { name, scope }: Operator): string {
  return `${name} ${scope} sha256:${hashOf(key).toString('hex')}`
}

/** Whether a key may have this name. */
export function isKeyName(name: string): boolean {
  return NAME.test(name) && name !== LOOPBACK
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

/** A key that was found: whose it is, as the file says now. */
export interface FoundKey {
  /** Undefined once the file has it no more, and another scope once that has changed. */
  operator(): Operator | undefined
}

export interface KeysFile {
  /** Whose key this is; undefined: nobody's. It takes as long for any text of a length. */
  find(key: string): FoundKey | undefined
  close(): void
}

export interface KeysFileNews {
  readonly onRead: (keys: readonly Operator[]) => void
  /** What was read before is kept. */
  readonly onFault: (fault: string) => void
}

/** How often the file is read, ms, where the system tells nothing of a change. */
const READ_MS = 1_000

/**
 * Reads the file, and again when it changes; a version that cannot be read is told, and the one before
 * counts on. Throws an error of one sentence where the first cannot.
 */
export function openKeysFile(path: string, news: KeysFileNews): KeysFile {
  let read = readShortFile(path)
  const first = linesOf(read)
  if ('fault' in first) throw new Error(`KEYS_FILE: ${path} ${first.fault}`)
  let { lines } = first

  const readAgain = (): void => {
    const now = readShortFile(path)
    if (sameContent(now, read)) return
    read = now
    const keys = linesOf(now)
    if ('fault' in keys) return news.onFault(keys.fault)
    lines = keys.lines
    news.onRead(lines.map(operatorIn))
  }
  const timer = setInterval(readAgain, READ_MS).unref()
  // The folder: a file that is replaced is another one.
  const watcher = watch(dirname(path), { persistent: false }, readAgain)
  // The interval goes on without it.
  watcher.on('error', () => watcher.close())
  return {
    find: (key) => {
      const hash = hashOf(key)
      const whose = (): Operator | undefined => operatorOf(lines, hash)
      return whose() === undefined ? undefined : { operator: whose }
    },
    close: () => {
      clearInterval(timer)
      watcher.close()
    },
  }
}

/** Each line is compared, whether or not one before it was the right one. */
function operatorOf(lines: readonly Line[], hash: Buffer): Operator | undefined {
  let found: { readonly name: string; readonly scope: Scope } | undefined
  for (const line of lines) {
    if (timingSafeEqual(line.hash, hash)) found = { name: line.name, scope: line.scope }
  }
  return found
}

function linesOf(content: FileContent): ReadKeys {
  return 'fault' in content ? content : readKeys(content.text)
}

function operatorIn({ name, scope }: Line): Operator {
  return { name, scope }
}

function sameContent(one: FileContent, other: FileContent): boolean {
  if ('text' in one) return 'text' in other && one.text === other.text
  return 'fault' in other && one.fault === other.fault
}
