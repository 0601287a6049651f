// The words that the glossary of STYLE.md has replaced, and where a source still has them.

import { readText, withoutComments, type Source } from './sources.ts'

/** Words that are not looked for, since a program cannot tell the replaced meaning from others. */
const UNCHECKED: Readonly<Record<string, string>> = {
  claim: 'the act of claiming stays',
  order: 'also a sequence',
  rest: 'also what remains of something',
  starts: 'also a verb, and how often something starts',
}

/** Words that are plain English in comments and messages, and replaced only as names. */
const IN_NAMES_ONLY: ReadonlySet<string> = new Set(['job', 'look', 'room', 'view'])

/** Names that others have given, or that the glossary itself contains. */
const OUTSIDE: readonly RegExp[] = [
  /in_?doubt_?horizon_?ms/gi, // the setting
  /warm_?up_?ms/gi, // the setting of a rehearsal
  /\blane(?=: ')/g, // the metrics' label
  /look[ _-]?ups?/gi, // the glossary's own word
  /\bDataView\b/g, // JavaScript's
  /\bt\.jobs\b/g, // tap's
]

/** Words of the glossary's last column, in its order. */
export function replacedWords(): readonly string[] {
  const [, afterHeading = ''] = readText('STYLE.md').split('\n## Glossary\n')
  const [section = ''] = afterHeading.split('\n## ')
  const rows = section.split('\n').filter((line) => line.startsWith('| '))
  return rows
    .slice(2)
    .flatMap((row) => row.split('|').at(-2)?.split(',') ?? [])
    .map((word) => word.trim())
    .filter((word) => word !== '' && UNCHECKED[word] === undefined)
}

/** Those of the words, or their plurals, that a source has in its path, names, comments and texts. */
export function foundWords({ path, text }: Source, words: readonly string[]): readonly string[] {
  const anywhere = wordsOf(withoutOutside(`${path}\n${text}`))
  const inNames = wordsOf(withoutOutside(`${path}\n${withoutTexts(withoutComments(text))}`))
  return words.filter((word) => {
    const among = IN_NAMES_ONLY.has(word) ? inNames : anywhere
    return [word, ...pluralsOf(word)].some((form) => among.includes(wordsOf(form)))
  })
}

function pluralsOf(word: string): readonly string[] {
  return [`${word}s`, `${word}es`, word.replace(/y$/, 'ies')]
}

/** Lower-case words of names in any case, and of sentences, each between two spaces. */
function wordsOf(text: string): string {
  const words = text.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? []
  return ` ${words.join(' ').toLowerCase()} `
}

function withoutOutside(text: string): string {
  return OUTSIDE.reduce((rest, name) => rest.replace(name, ''), text)
}

/** Code without its literal texts, roughly: SQL, messages, titles. */
function withoutTexts(code: string): string {
  return code.replace(/'(?:[^'\\\n]|\\.)*'/g, '').replace(/`(?:[^`\\]|\\.)*`/g, '')
}
