// Kinds of configuration variables: how the text of one becomes its value.

/**
 * A value, or why the text is none: how a sentence goes on that begins with the variable's name.
 */
export type Parsed<Value> = { readonly value: Value } | { readonly fault: string }

/** The declaration of one variable; all that help, documents and the reader know of it. */
export interface Variable<Value> {
  readonly name: string
  /** Given to an unset variable. */
  readonly fallback: Value
  /** The default as documents show it. */
  readonly shown: string
  /** Unit and range, or the kind of text. */
  readonly takes: string
  /** A sentence without its full stop. */
  readonly meaning: string
  /** A secret's second variable, which may name a file with the value instead. */
  readonly fileName?: string
  readonly parse: (text: string) => Parsed<Value>
}

interface Declared {
  readonly name: string
  readonly meaning: string
}

/** A number with its unit and inclusive bounds. */
interface Bounded extends Declared {
  readonly fallback: number
  readonly unit: string
  readonly min: number
  readonly max: number
}

/** A whole number in decimal digits. */
export function whole(declared: Bounded): Variable<number> {
  return bounded(declared, /^\d{1,15}$/, 'whole number')
}

/** The same, with the value of another variable while it is unset. */
export function following(variable: Variable<number>, name: string): Variable<number | undefined> {
  return { ...variable, fallback: undefined, shown: name }
}

/** The same, for what others must not read: `NAME_FILE` may name a file that holds it. */
export function secret<Value>(variable: Variable<Value>): Variable<Value> {
  const fileName = `${variable.name}_FILE`
  const meaning = `${variable.meaning}; ${fileName} may name a file that holds it instead`
  return { ...variable, fileName, meaning }
}

/** A decimal number such as `0.05`. */
export function decimal(declared: Bounded): Variable<number> {
  return bounded(declared, /^\d{1,15}(?:\.\d{1,15})?$/, 'decimal number')
}

function bounded(declared: Bounded, grammar: RegExp, kind: string): Variable<number> {
  const { name, meaning, fallback, unit, min, max } = declared
  const takes = `${unit}, ${min} to ${max}`
  const parse = (text: string): Parsed<number> => {
    if (!grammar.test(text)) return { fault: `is not a ${kind} (${takes})` }
    const value = Number(text)
    return value < min || value > max ? { fault: `is out of range (${takes})` } : { value }
  }
  return { name, meaning, fallback, shown: String(fallback), takes, parse }
}

const SWITCH_TEXTS: Readonly<Record<string, boolean>> = {
  on: true,
  true: true,
  '1': true,
  off: false,
  false: false,
  '0': false,
}

/** `on` or `off`, also as `true`, `1`, `false`, `0`; off when unset. */
export function onOff(declared: Declared): Variable<boolean> {
  const takes = 'on or off'
  const parse = (text: string): Parsed<boolean> => {
    const value = Object.hasOwn(SWITCH_TEXTS, text) ? SWITCH_TEXTS[text] : undefined
    return value === undefined ? { fault: `is not ${takes}` } : { value }
  }
  return { ...declared, fallback: false, shown: 'off', takes, parse }
}

/** One of a few words. */
export function oneOf<Word extends string>(
  declared: Declared & { readonly fallback: Word; readonly words: readonly Word[] },
): Variable<Word> {
  const { name, meaning, fallback, words } = declared
  const takes = words.join(', ')
  const parse = (text: string): Parsed<Word> => {
    const value = words.find((word) => word === text)
    return value === undefined ? { fault: `is none of ${takes}` } : { value }
  }
  return { name, meaning, fallback, shown: fallback, takes, parse }
}

/** A text that matches as a whole; `takes` says in words what the grammar wants. */
export function text<Fallback extends string | undefined>(
  declared: Declared & {
    readonly fallback: Fallback
    readonly shown: string
    readonly takes: string
    readonly grammar: RegExp
  },
): Variable<string | Fallback> {
  const { grammar, ...variable } = declared
  const parse = (given: string): Parsed<string> =>
    grammar.test(given) ? { value: given } : { fault: `is not ${variable.takes}` }
  return { ...variable, parse }
}

/**
 * A URL of one of these schemes, kept as it was written but for a trailing slash. `faultOf` says
 * what else is wrong with it. Faults never repeat it, since it may hold a password.
 */
export function url(
  declared: Declared & {
    readonly shown: string
    readonly schemes: readonly string[]
    readonly faultOf: (given: string) => string | undefined
  },
): Variable<string | undefined> {
  const { name, meaning, shown, schemes, faultOf } = declared
  const takes = `URL, ${schemes.join(' or ')}`
  const parse = (given: string): Parsed<string> => {
    const [scheme = ''] = given.split(':', 1)
    if (!given.includes(':')) return { fault: `is not a URL (${takes})` }
    if (!schemes.includes(scheme.toLowerCase())) return { fault: `is not a ${takes}` }
    const fault = faultOf(given)
    return fault === undefined ? { value: given.replace(/\/$/, '') } : { fault }
  }
  return { name, meaning, fallback: undefined, shown, takes, parse }
}
