// Which route a request takes, by its method and path. As in uWebSockets.js, a route of the method
// goes before one of any method; then a plain segment goes before `:name`, and that before `*`.

export interface Found<Route> {
  readonly route: Route
  /** What stood in the place of each `:name`, as it was sent. */
  readonly parameters: readonly string[]
}

export interface Router<Route> {
  /** `method` in lower case, or `any`. The last segment of a path may be `*`: any rest. */
  add(method: string, path: string, route: Route): void
  find(method: string, path: string): Found<Route> | undefined
}

interface Entry<Route> {
  readonly pattern: RegExp
  /** One digit a segment, which sorts the routes. */
  readonly rank: string
  readonly route: Route
}

export function createRouter<Route>(): Router<Route> {
  const byMethod = new Map<string, Entry<Route>[]>()
  return {
    add(method, path, route) {
      const entries = byMethod.get(method) ?? []
      byMethod.set(method, entries)
      entries.push({ ...patternOf(path), route })
      entries.sort((a, b) => (a.rank < b.rank ? -1 : 1))
    },
    find(method, path) {
      return findIn(byMethod.get(method), path) ?? findIn(byMethod.get('any'), path)
    },
  }
}

function findIn<Route>(
  entries: readonly Entry<Route>[] = [],
  path: string,
): Found<Route> | undefined {
  for (const { pattern, route } of entries) {
    const match = pattern.exec(path)
    if (match !== null) return { route, parameters: match.slice(1) }
  }
  return undefined
}

function patternOf(path: string): { pattern: RegExp; rank: string } {
  const segments = path.split('/').slice(1)
  const rank = segments.map((segment) => (segment === '*' ? 2 : segment.startsWith(':') ? 1 : 0))
  const pieces = segments.map((segment) => {
    if (segment === '*') return '.*'
    return segment.startsWith(':') ? '([^/]+)' : segment.replaceAll(/[^\w-]/g, '\\$&')
  })
  return { pattern: new RegExp(`^/${pieces.join('/')}$`), rank: rank.join('') }
}
