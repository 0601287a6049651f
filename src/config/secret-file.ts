// A secret in a file, as orchestrators mount them: read once, when the configuration is.

import { readFileSync, statSync } from 'node:fs'

/** Longest file that is read; a path that names something else by mistake must not fill memory. */
const BYTES_MAX = 65_536

/** What the file holds, or why it is of no use: how a sentence goes on after the variable's name. */
export type Secret = { readonly text: string } | { readonly fault: string }

/**
 * The one line of a file, without its end. A fault names the file and never repeats what is in it,
 * nor what is no path: somebody may have set the secret itself.
 */
export function readSecret(path: string): Secret {
  if (!/^[./]/.test(path)) return { fault: 'is not a path that begins with / or .' }
  const content = contentOf(path)
  if ('fault' in content) return { fault: `names ${path}, which ${content.fault}` }
  const text = content.text.replace(/(?:\r?\n)+$/, '')
  if (text === '') return { fault: `names ${path}, which is empty` }
  return /[\r\n]/.test(text) ? { fault: `names ${path}, which has several lines` } : { text }
}

function contentOf(path: string): Secret {
  try {
    const found = statSync(path)
    // A pipe would be waited for, and a device might never end.
    if (!found.isFile()) return { fault: 'is not a file' }
    if (found.size > BYTES_MAX) return { fault: `is longer than ${BYTES_MAX} bytes` }
    return { text: readFileSync(path, 'utf8') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return { fault: `user ${process.getuid?.() ?? 'of this process'} cannot read (${code})` }
  }
}
