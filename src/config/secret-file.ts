// A secret in a file, as orchestrators mount them: read once, when the configuration is.

import { readShortFile, type FileContent } from '../infra/process/short-file.ts'

/**
 * The one line of a file, without its end. A fault names the file and never repeats what is in it,
 * nor what is no path: somebody may have set the secret itself.
 */
export function readSecret(path: string): FileContent {
  if (!/^[./]/.test(path)) return { fault: 'is not a path that begins with / or .' }
  const content = readShortFile(path)
  if ('fault' in content) return { fault: `names ${path}, which ${content.fault}` }
  const text = content.text.replace(/(?:\r?\n)+$/, '')
  if (text === '') return { fault: `names ${path}, which is empty` }
  return /[\r\n]/.test(text) ? { fault: `names ${path}, which has several lines` } : { text }
}
