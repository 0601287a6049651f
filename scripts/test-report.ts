// What `npm test` prints: made from the TAP of a run, a line for each file, every failure with its
// details, every test that says nothing, and at the end one line of what passed, failed and was
// skipped.

/** A result as TAP writes it: `not ok 3 - title # SKIP reason`. */
const RESULT = /^(not )?ok \d+(?: - (.*?))?(?: # (SKIP|TODO|time=)(.*))?$/
/** A spec file as it runs; it is named by its source. */
const COMPILED_SPEC = /\bbuild\/(spec\/\S+\.spec)\.js\b/g
const SUBTEST = '# Subtest: '
const INDENT = 4

export interface TestReport {
  /** Takes the next line of TAP. */
  read(line: string): void
  /** The last line. A test that has tests in it does not count. */
  summary(): string
  /** Tests that cannot fail: without an assertion, or left out without a reason. */
  empty(): number
}

/** A test that has begun: a file at depth 0, what stands in it below. */
interface Running {
  readonly title: string
  hasTests: boolean
  /** Results within: assertions, and tests. */
  results: number
  hasFailure: boolean
}

/** @param print takes each line that is shown while the run goes on. */
export function createTestReport(print: (line: string) => void): TestReport {
  const running: Running[] = []
  const count = { files: 0, tests: 0, failed: 0 }
  const failedFiles: string[] = []
  let empty = 0
  const skipped = new Map<string, number>()
  /** Where the details of a failure stand; undefined: none are being shown. */
  let details: string | undefined

  const finish = (depth: number, [, not, title = '', kind, rest = '']: RegExpExecArray): void => {
    const own = running[depth]
    running.length = depth
    const parent = running[depth - 1]
    const isFile = depth === 0
    const isTest = own !== undefined && !own.hasTests && !isFile && kind !== 'SKIP'
    const isFailure = not !== undefined && kind !== 'TODO'
    const nothing = isFailure ? undefined : saysNothing(own, { isFile, kind, reason: rest.trim() })
    if (nothing !== undefined) {
      empty += 1
      print(`EMPTY ${[...running.map((each) => each.title), title].join(' › ')}: ${nothing}`)
    }
    if (parent !== undefined) {
      parent.results += 1
      parent.hasTests ||= own !== undefined
      parent.hasFailure ||= isFailure
    }
    if (isTest) count.tests += 1
    if (isTest && isFailure) count.failed += 1
    if (kind === 'SKIP') skipped.set(rest.trim(), (skipped.get(rest.trim()) ?? 0) + 1)
    if (isFailure && !own?.hasFailure) {
      print(`FAILED ${[...running.map((each) => each.title), title].join(' › ')}`)
      details = ' '.repeat(depth * INDENT + 2)
    }
    if (!isFile || kind === 'SKIP') return
    count.files += 1
    if (isFailure) failedFiles.push(title)
    print(`${isFailure ? 'failed' : 'passed'} ${title}${duration(rest)}`)
  }

  return {
    read(compiled) {
      const line = compiled.replace(COMPILED_SPEC, '$1.ts')
      if (details !== undefined) {
        if (line.startsWith(details)) return print(line)
        details = undefined
      }
      const text = line.trimStart()
      const depth = (line.length - text.length) / INDENT
      const result = RESULT.exec(text)
      if (text.startsWith(SUBTEST)) {
        running.length = Math.min(running.length, depth)
        running.push({
          title: text.slice(SUBTEST.length),
          hasTests: false,
          results: 0,
          hasFailure: false,
        })
      } else if (result !== null && Number.isInteger(depth)) finish(depth, result)
    },
    summary: () => summaryOf({ ...count, failedFiles, empty, skipped }),
    empty: () => empty,
  }
}

interface Counts {
  readonly files: number
  readonly tests: number
  readonly failed: number
  readonly empty: number
  readonly failedFiles: readonly string[]
  /** How often, by the reason. */
  readonly skipped: ReadonlyMap<string, number>
}

function summaryOf({ files, tests, failed, empty, failedFiles, skipped }: Counts): string {
  const reasons = [...skipped].map(([reason, times]) => `${reason}: ${times}`).join('; ')
  const skips = [...skipped.values()].reduce((sum, times) => sum + times, 0)
  return [
    `passed: ${whole(tests - failed)} tests in ${whole(files)} files`,
    ...(failedFiles.length > 0 ? [`failed: ${failed} in ${failedFiles.join(', ')}`] : []),
    ...(empty > 0 ? [`empty: ${whole(empty)}`] : []),
    `skipped: ${whole(skips)}${skips > 0 ? ` (${reasons})` : ''}`,
  ].join('; ')
}

/** Why a result that is no failure says nothing; undefined: it says something. */
function saysNothing(
  own: Running | undefined,
  { isFile, kind, reason }: { isFile: boolean; kind: string | undefined; reason: string },
): string | undefined {
  if (kind === 'SKIP' || kind === 'TODO') {
    if (reason === '') return `${kind.toLowerCase()} without a reason`
    return isFile && reason === NO_TESTS ? NO_TESTS : undefined
  }
  if (own === undefined || own.results > 0) return undefined
  return isFile ? NO_TESTS : 'no assertion'
}

/** What tap says of a file that ran and had none. */
const NO_TESTS = 'no tests found'

/** `12.3 s` from `123.4ms`, the text after `time=`. */
function duration(text: string): string {
  const ms = /^([\d.]+)ms$/.exec(text.trim())?.[1]
  return ms === undefined ? '' : ` (${(Number(ms) / 1_000).toFixed(1)} s)`
}

function whole(value: number): string {
  return value.toLocaleString('en-US')
}
