// The share of all payments that is inspected, by their ids: so all instances show the same ones.

/** Remembers its last answer: a payment is passed from actor to actor within one turn. */
export function createChoice(oneIn: number): (correlationId: string) => boolean {
  let lastId = ''
  let lastAnswer = oneIn === 1
  return (correlationId) => {
    if (correlationId === lastId) return lastAnswer
    lastId = correlationId
    lastAnswer = isSampled(correlationId, oneIn)
    return lastAnswer
  }
}

/** The last digits are random in every kind of UUID that clients may use. */
export function isSampled(correlationId: string, oneIn: number): boolean {
  if (oneIn === 1) return true
  let value = 0
  const { length } = correlationId
  for (let index = Math.max(0, length - DIGITS); index < length; index += 1) {
    value = 16 * value + hexValueAt(correlationId, index)
  }
  return value % oneIn === 0
}

/** Hexadecimal ones, of which the share is taken. */
const DIGITS = 8

/** Digits in either case; by hand, since parsing a slice of each id takes ten times as long. */
function hexValueAt(text: string, index: number): number {
  const code = text.charCodeAt(index)
  return code < COLON ? code - ZERO : (code | LOWER) - TEN
}

const ZERO = 48
const COLON = 58
const LOWER = 32
/** The code of `a` stands for ten. */
const TEN = 87
