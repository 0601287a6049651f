// The command line of a benchmark, from declarations: what it reads and what --help says.

import { parseArgs } from 'node:util'
import { UsageError } from '../challenge/errors.ts'

export { UsageError }

/** One option `--name VALUE`, with its bounds. */
export interface Flag<Value> {
  readonly fallback: Value
  /** For --help, with the unit. */
  readonly meaning: string
  /** For --help: N, TEXT, or the words themselves. */
  readonly takes: string
  /** @throws UsageError with what the option takes. */
  parse(text: string): Value
}

export type Flags = Readonly<Record<string, Flag<unknown>>>

/** What the flags' options were, or their fallbacks. */
export type Values<Declared extends Flags> = {
  readonly [Name in keyof Declared]: Declared[Name] extends Flag<infer Value> ? Value : never
}

/** A whole number within bounds. */
export function whole(flag: {
  readonly fallback: number
  readonly min: number
  readonly max: number
  readonly meaning: string
}): Flag<number> {
  const { fallback, min, max, meaning } = flag
  return {
    fallback,
    meaning,
    takes: 'N',
    parse: (text) => {
      const value = Number(text)
      if (/^\d+$/.test(text) && value >= min && value <= max) return value
      throw new UsageError(`a whole number from ${min} to ${max}`)
    },
  }
}

/** A decimal number within bounds. */
export function decimal(flag: Parameters<typeof whole>[0]): Flag<number> {
  const { fallback, min, max, meaning } = flag
  return {
    fallback,
    meaning,
    takes: 'N',
    parse: (text) => {
      const value = Number(text)
      if (/^\d+(?:\.\d+)?$/.test(text) && value >= min && value <= max) return value
      throw new UsageError(`a number from ${min} to ${max}`)
    },
  }
}

/** Whole numbers within bounds, with commas between them. */
export function wholes(flag: {
  readonly fallback: readonly number[]
  readonly min: number
  readonly max: number
  readonly meaning: string
}): Flag<readonly number[]> {
  const { fallback, min, max, meaning } = flag
  const each = whole({ fallback: min, min, max, meaning })
  return {
    fallback,
    meaning,
    takes: 'N,…',
    parse: (text) => text.split(',').map((part) => each.parse(part)),
  }
}

/** One of a few words; the first is the fallback. */
export function oneOf<const Word extends string>(
  words: readonly [Word, ...Word[]],
  meaning: string,
): Flag<Word> {
  return {
    fallback: words[0],
    meaning,
    takes: words.join('|'),
    parse: (text) => {
      const word = words.find((each) => each === text)
      if (word === undefined) throw new UsageError(`one of ${words.join(', ')}`)
      return word
    },
  }
}

/** Any text; without the option the empty one. */
export function text(takes: string, meaning: string): Flag<string> {
  return { fallback: '', meaning, takes, parse: (value) => value }
}

/** `help` when it is asked for. @throws UsageError */
export function readFlags<Declared extends Flags>(
  flags: Declared,
  args: readonly string[],
): Values<Declared> | 'help' {
  const given = parseTexts(flags, args)
  if (given['help'] === true) return 'help'
  const entries = Object.entries(flags).map(([name, flag]) => {
    const text = given[optionOf(name)]
    return [name, typeof text === 'string' ? parse(name, flag, text) : flag.fallback]
  })
  // The loop goes over exactly the declarations that `Values` is made from.
  return Object.fromEntries(entries) as Values<Declared>
}

/** One line per option. */
export function flagsHelp(flags: Flags): string {
  const lines = Object.entries(flags).map(([name, flag]) => {
    const fallback = flag.fallback === '' ? '' : ` (${String(flag.fallback)})`
    return `  ${`--${optionOf(name)} ${flag.takes}`.padEnd(HELP_COLUMN)} ${flag.meaning}${fallback}`
  })
  return [...lines, `  ${'--help'.padEnd(HELP_COLUMN)} this text`].join('\n')
}

const HELP_COLUMN = 26

function parseTexts(
  flags: Flags,
  args: readonly string[],
): Readonly<Record<string, string | boolean | undefined>> {
  const options: Record<string, { type: 'string' | 'boolean' }> = { help: { type: 'boolean' } }
  for (const name of Object.keys(flags)) options[optionOf(name)] = { type: 'string' }
  try {
    return parseArgs({ args: [...args], options, strict: true }).values
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : 'bad arguments', { cause })
  }
}

function parse(name: string, flag: Flag<unknown>, text: string): unknown {
  try {
    return flag.parse(text)
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause
    throw new UsageError(`--${optionOf(name)} takes ${cause.message}`, { cause })
  }
}

/** `warmupSeconds` → `warmup-seconds`. */
function optionOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
