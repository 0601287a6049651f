// A comparable picture of any value that a chart handles: no identities, no session ids.

/** Functions, actors and errors become words; what lies deeper than `depth` is left out. */
export function picture(value: unknown, depth = 6): unknown {
  if (typeof value === 'function') return `function ${value.name}`
  if (typeof value === 'string') return withoutSession(value)
  if (typeof value !== 'object' || value === null) return value
  if ('sessionId' in value && 'send' in value && 'id' in value) {
    return `actor ${withoutSession(String(value.id))}`
  }
  if (value instanceof Error) return { error: value.name, message: withoutSession(value.message) }
  if (depth === 0) return 'deeper'
  if (Array.isArray(value)) return value.map((item) => picture(item, depth - 1))
  if (value instanceof Set) return { set: picture([...value], depth - 1) }
  if (value instanceof Map) return { map: picture([...value], depth - 1) }
  // Key order counts: it is part of how a snapshot is written out.
  return Object.entries(value).map(([key, item]) => [withoutSession(key), picture(item, depth - 1)])
}

/** Session ids come from a counter of the whole process. */
function withoutSession(text: string): string {
  return text.replace(/x:\d+/g, 'x:n')
}
