// Where the project is, and what of compose/ decides how its processes run.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Folder of docker-compose.yml, from the sources and from the compiled files alike. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'docker-compose.yml'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('layout: docker-compose.yml is in no folder above')
    folder = parent
  }
  return folder
}

/** Node's flags as the container has them, from the CMD of the Dockerfile. */
export function containerNodeFlags(): readonly string[] {
  const dockerfile = readFileSync(join(projectRoot(), 'compose/Dockerfile'), 'utf8')
  const command = /^CMD (\["node".*\])$/m.exec(dockerfile)?.[1]
  if (command === undefined) throw new Error('layout: the Dockerfile has no CMD ["node", …]')
  const words = JSON.parse(command) as string[]
  return words.filter((word) => word.startsWith('--'))
}

/** A compiled program of dist/. Throws an error with the remedy when it is missing. */
export function compiled(path: string): string {
  const file = join(projectRoot(), 'dist', path)
  if (!existsSync(file)) throw new Error(`layout: dist/${path} is missing: npm run build`)
  return file
}
