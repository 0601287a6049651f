// Text that people write and other people read on a terminal: what a reason may be, and how whatever
// was stored before there was such a rule, or comes from elsewhere, is printed.

/** Longest reason of an order, UTF-16 code units. */
const REASON_MAX = 500

/**
 * Controls (C0, C1), marks of format and direction, breaks of lines and paragraphs, halves of
 * characters: what moves the cursor, forges a line, or has a text read otherwise than it stands. The
 * joiners U+200C and U+200D stay: Persian and Hindi are written with them.
 */
const UNSAFE = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Why this is no reason, as a sentence; undefined: it is one. */
export function whyNoReason(text: string): string | undefined {
  if (text.trim() === '' || text.trim().length > REASON_MAX) {
    return `A reason is a text of up to ${REASON_MAX} characters.`
  }
  const unsafe = text.trim().match(UNSAFE)?.[0]
  if (unsafe === undefined) return undefined
  const which = `U+${unsafe.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`
  return `A reason is one line without control characters and marks of direction; it has ${which}.`
}

/** On one line, with nothing that a terminal obeys: `\u001b` in its place. JSON stays the same JSON. */
export function escaped(text: string): string {
  return text.replace(UNSAFE, escapes)
}

/** The same for a text of several lines. */
export function escapedLines(text: string): string {
  return text.replace(UNSAFE, (unsafe) => (unsafe === '\n' ? unsafe : escapes(unsafe)))
}

function escapes(unsafe: string): string {
  return unsafe
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
