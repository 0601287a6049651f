// The Nodes that Pit runs on. A program imports this first: on an older Node it ends the process
// with one sentence, before other modules are evaluated and fail there with a stack trace.

import { writeSync } from 'node:fs'

/** Major versions, each tried by CI; package.json and README name the same. */
export const SUPPORTED_NODES = [20, 22, 24, 26] as const

/** Below this one `undici` does not run. */
const OLDEST = [20, 18, 1] as const

/** A newer Node than the supported ones is let try. */
export function nodeFault(version: string): string | undefined {
  const numbers = version.split('.').map((number) => Number.parseInt(number, 10))
  const at = OLDEST.findIndex((number, index) => numbers[index] !== number)
  if (at === -1 || (numbers[at] ?? 0) > (OLDEST[at] ?? 0)) return undefined
  const majors = `${SUPPORTED_NODES.slice(0, -1).join(', ')} or ${SUPPORTED_NODES.at(-1)}`
  return `this is Node ${version}, Pit needs ${majors}, and of ${OLDEST[0]} at least ${OLDEST.join('.')}`
}

const fault = nodeFault(process.versions.node)
if (fault !== undefined) {
  writeSync(process.stderr.fd, `pit: ${fault}\n`)
  process.exit(1)
}
