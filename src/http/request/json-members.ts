// The members of a JSON object with the source text of their values.

/** A member as written: its name decoded, its value's text as it stands in the source. */
export interface Member {
  readonly name: string
  readonly source: string
}

/**
 * Lists the members of one JSON object, duplicates too, in the order of the source. `text` must
 * be what `JSON.parse` has taken for an object: nothing is checked here. What it is for: numbers
 * with more digits than a double holds, and names that occur twice, are lost by `JSON.parse`.
 * Nesting costs no stack.
 */
export function membersOf(text: string): readonly Member[] {
  const members: Member[] = []
  let at = skipSpace(text, 0) + 1
  for (;;) {
    at = skipSpace(text, at)
    if (at >= text.length || text[at] === '}') return members
    const nameEnd = endOfString(text, at)
    const name: unknown = JSON.parse(text.slice(at, nameEnd))
    const valueStart = skipSpace(text, skipSpace(text, nameEnd) + 1)
    const valueEnd = endOfValue(text, valueStart)
    members.push({ name: String(name), source: text.slice(valueStart, valueEnd) })
    at = skipSpace(text, valueEnd)
    if (text[at] === ',') at += 1
  }
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at += 1
  return at
}

/** `from` is at the opening quote; the result is behind the closing one. */
function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function endOfValue(text: string, from: number): number {
  const first = text[from]
  if (first === '"') return endOfString(text, from)
  if (first === '{' || first === '[') return endOfNested(text, from)
  let at = from
  while (at < text.length && !',} \t\n\r'.includes(text.charAt(at))) at += 1
  return at
}

function endOfNested(text: string, from: number): number {
  let depth = 0
  let at = from
  while (at < text.length) {
    const char = text[at]
    if (char === '"') {
      at = endOfString(text, at)
      continue
    }
    at += 1
    if (char === '{' || char === '[') depth += 1
    if (char === '}' || char === ']') depth -= 1
    if (depth === 0) return at
  }
  return at
}
