// What failed attempts said, counted and put into words.

import t from 'tap'
import { FAILURE_KINDS_MAX, failuresInWords, noteFailure } from '../../../src/actors/model/facts.ts'

function inWords(details: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const detail of details) noteFailure(counts, detail)
  return failuresInWords(counts)
}

t.test('failures are told by what they said, the commonest first', async (t) => {
  const details = ['timeout', 'http 404', 'timeout', 'UND_ERR_SOCKET', 'http 404', 'timeout']

  t.equal(inWords(details), 'timeout (3), http 404 (2), UND_ERR_SOCKET (1)')
  t.equal(inWords([]), '')
})

t.test(
  'of what was said equally often the latest comes first, and the rest is counted',
  async (t) => {
    t.equal(
      inWords(['http 500', 'http 501', 'http 502', 'http 503', 'http 500']),
      'http 500 (2), http 503 (1), http 502 (1), others (1)',
    )
  },
)

t.test('what failures say is bounded in length and in kinds', async (t) => {
  const counts = new Map<string, number>()
  for (let kind = 0; kind < 1000; kind += 1) noteFailure(counts, `${kind} ${'long '.repeat(1000)}`)

  t.equal(counts.size, FAILURE_KINDS_MAX)
  t.match(failuresInWords(counts), /^999 /, 'the latest are kept')
  t.ok(failuresInWords(counts).length < 200)
})
