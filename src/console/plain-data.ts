// Actors' data made fit for showing: plain, bounded, and without what contexts hold to work with.

/** Ports, callbacks and whole subsystems: no data, and some lead to connections and passwords. */
const TOOLS = new Set(
  ['ports', 'cache', 'fence', 'floor', 'health', 'telemetry', 'ledger', 'lease', 'machine'].concat([
    'processors',
    'random',
    'replyTo',
    'settledSet',
    'dependencies',
    'clock',
    'children',
    'system',
  ]),
)

const DEPTH_MAX = 7
/** Of a batch one sees that it is one; a payment's attempts are all in its status. */
const ITEMS_MAX = 8
const TEXT_MAX = 400

/** Numbers, texts, arrays and plain objects of them; all else becomes the name of its class. */
export function plainData(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.slice(0, TEXT_MAX)
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value !== 'object') return undefined
  if (value instanceof Error) return { name: value.name, message: value.message.slice(0, TEXT_MAX) }
  if (depth >= DEPTH_MAX) return '…'
  if (Array.isArray(value)) {
    const items = value.slice(0, ITEMS_MAX).map((item) => plainData(item, depth + 1))
    return value.length > ITEMS_MAX ? [...items, `… ${value.length - ITEMS_MAX} more`] : items
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor.name}]`
  return plainObject(value, depth)
}

/**
 * A snapshot as an inspector shows it: state and context, without XState's own workings. An actor
 * that has just been made has none yet.
 */
export function plainSnapshot(snapshot: unknown): PlainSnapshot {
  if (snapshot === undefined) return { status: 'active' }
  const { status, value, context, output, error } = snapshot as Readonly<Record<string, unknown>>
  const shown = { status, value, context, output, error }
  return plainObject(shown, 0) as PlainSnapshot
}

export interface PlainSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly value?: unknown
  readonly context?: unknown
}

/** In a loop: entries made and mapped cost several times the copy itself. */
function plainObject(value: object, depth: number): object {
  const fields = value as Readonly<Record<string, unknown>>
  const plain: Record<string, unknown> = {}
  for (const key of Object.keys(fields)) {
    if (TOOLS.has(key)) continue
    const field = plainData(fields[key], depth + 1)
    if (field !== undefined) plain[key] = field
  }
  return plain
}
