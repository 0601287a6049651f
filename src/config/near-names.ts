// Names that were probably meant for others: mistyped settings in the environment, and mistyped
// words of a command line.

/** A variable of the environment that is no setting, and the setting that it was meant for. */
export interface Mistyped {
  readonly name: string
  readonly setting: string
}

/** Environments are for all programs: only what is close to a setting that is unset is named. */
export function findMistyped(
  environment: Readonly<Record<string, string | undefined>>,
  settings: readonly string[],
): readonly Mistyped[] {
  const isUnset = (setting: string): boolean => (environment[setting] ?? '') === ''
  const meant = settings.filter(isUnset).map((setting) => ({ setting, words: setting.split('_') }))
  return Object.keys(environment)
    .filter((name) => name.length <= NAME_LENGTH_MAX && !settings.includes(name))
    .flatMap((name) => {
      const words = name.toUpperCase().replaceAll('-', '_').split('_')
      const near = meant.filter((each) => isMeant(words, each.words))
      const setting = nearest(
        name,
        near.map((each) => each.setting),
      )
      return setting === undefined ? [] : [{ name, setting }]
    })
}

export function describeMistyped({ name, setting }: Mistyped): string {
  return `${name} is no setting of Pit and is not read; ${setting} is one`
}

/** The one of these words that another was probably meant for: at most two slips away. */
export function nearWord(given: string, words: readonly string[]): string | undefined {
  const isNear = (word: string): boolean => slips(given, word) <= (word.length <= 4 ? 1 : 2)
  return nearest(given, words.filter(isNear))
}

/** Longer than any setting: nothing is near it. */
const NAME_LENGTH_MAX = 64

/** Slips in all words of a name together. */
const SLIPS_MAX = 2

function isMeant(words: readonly string[], setting: readonly string[]): boolean {
  if (words.join('') === setting.join('')) return true
  return hasSlips(words, setting) || hasOtherEnd(words, setting)
}

function hasSlips(words: readonly string[], setting: readonly string[]): boolean {
  if (words.length !== setting.length) return false
  const isAlone = setting.length === 1
  const counts = setting.map((word, place) => slipsIn(words[place] ?? '', { word, isAlone }))
  return sum(counts) <= (isAlone ? 1 : SLIPS_MAX)
}

/**
 * Infinite beyond what a word of this length allows: APP_PORT is two slips from OPS_PORT, HOST two
 * and POST one from PORT, and all are somebody else's.
 */
function slipsIn(given: string, { word, isAlone }: { word: string; isAlone: boolean }): number {
  const count = slips(given, word)
  const isSwap = count === 1 && sorted(given) === sorted(word)
  const max = word.length > 4 ? 2 : word.length > 2 && !isAlone ? 1 : 0
  return isSwap || count <= max ? count : Infinity
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

/** ATTEMPT_TIMEOUT and ATTEMPT_TIMEOUT_SECONDS for ATTEMPT_TIMEOUT_MS. */
function hasOtherEnd(words: readonly string[], setting: readonly string[]): boolean {
  const stem = setting.slice(0, -1)
  const isOwn = stem.length >= 2 && stem[0] !== SHARED_FIRST
  const begins = stem.every((word, place) => words[place] === word)
  const [end, ...more] = words.slice(stem.length)
  return isOwn && begins && more.length === 0 && end !== SECRET_LAST
}

/** All programs that write traces are configured by names that begin so. */
const SHARED_FIRST = 'OTEL'
/** By convention such a variable names a file with the value of another in it. */
const SECRET_LAST = 'FILE'

/** The end that is missing counts as one slip, however long it is. */
function nearest(given: string, words: readonly string[]): string | undefined {
  const distance = (word: string): number => (word.startsWith(`${given}_`) ? 1 : slips(given, word))
  return words.toSorted((one, other) => distance(one) - distance(other))[0]
}

function sorted(word: string): string {
  return word.split('').toSorted().join('')
}

/** Letters left out, added, replaced, or swapped with the next one. */
function slips(one: string, other: string): number {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, at) => at)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity
  for (let row = 1; row <= one.length; row += 1) {
    rows.push([row])
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1]
      const isSwap = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      const best = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (isSame ? 0 : 1),
        isSwap ? at(row - 2, column - 2) + 1 : Infinity,
      )
      rows[row]?.push(best)
    }
  }
  return at(one.length, other.length)
}
