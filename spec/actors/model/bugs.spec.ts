import assert, { AssertionError } from 'node:assert'
import { runInThisContext } from 'node:vm'
import t from 'tap'
import { CacheUnavailable, isBug, LeaseLost } from '../../../src/actors/model/errors.ts'
import { LedgerUnavailable } from '../../../src/actors/model/errors.ts'

/** Wrong code, as JavaScript and Node raise it. */
const BUGS: Readonly<Record<string, () => unknown>> = {
  TypeError: () => (undefined as unknown as string).length,
  RangeError: () => new Array(-1),
  ReferenceError: () => runInThisContext('missing') as unknown,
  SyntaxError: () => JSON.parse('{') as unknown,
  URIError: () => decodeURIComponent('%'),
  AssertionError: () => assert(false, 'an invariant'),
}

for (const [name, run] of Object.entries(BUGS)) {
  t.test(`${name} is a bug`, async (t) => {
    const error = thrownBy(run)

    t.equal(error instanceof AssertionError ? 'AssertionError' : nameOf(error), name)
    t.equal(isBug(error), true)
  })
}

t.test('what the world or its libraries have to tell is no bug', async (t) => {
  const told = [
    new Error('Connection terminated unexpectedly'),
    Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' }),
    new AggregateError([new Error('connect')]),
    new LedgerUnavailable('find', 'none', new TypeError('x')),
    new LeaseLost('record'),
    new CacheUnavailable('read'),
    undefined,
    'a text',
  ]

  t.same(told.filter(isBug), [])
})

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'no error'
}
