// A short file that somebody configured by its path: keys, a secret.

import { readFileSync, statSync } from 'node:fs'

/** Longest file that is read, bytes; a path that names another one by mistake must not fill memory. */
const FILE_BYTES_MAX = 65_536

/** What a file holds, or why it is of no use: how a sentence goes on after its name. */
export type FileContent = { readonly text: string } | { readonly fault: string }

export function readShortFile(path: string): FileContent {
  try {
    const found = statSync(path)
    // A pipe would be waited for, and a device might never end.
    if (!found.isFile()) return { fault: 'is not a file' }
    if (found.size > FILE_BYTES_MAX) return { fault: `is longer than ${FILE_BYTES_MAX} bytes` }
    return { text: readFileSync(path, 'utf8') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return { fault: `cannot be read by user ${process.getuid?.() ?? 'of this process'} (${code})` }
  }
}
