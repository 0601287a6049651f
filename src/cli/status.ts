// `pit status`: what running instances do, out of their metrics, until Ctrl-C.

import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { figuresOf, type Scrape } from './figures.ts'
import { parseSamples } from './samples.ts'
import { findOperatorsPort } from './addresses.ts'
import { lineOf, tableOf, type Answer } from './table.ts'

/**
 * Exit codes: 0 when all answered, or after Ctrl-C; 2 for wrong usage, 3 when one is silent that is
 * read once, or that was not named.
 */
const EXIT_USAGE = 2
const EXIT_SILENT = 3

const USUAL_URL = 'http://127.0.0.1:9998'

const USAGE = `Usage: pit status [options] [url …]

Shows what the instances behind these operators' ports do: as a table on a terminal, which is drawn
again and again, else as a line for each. The first times are since the start, the later ones since
the reading before. Without a URL it is the port of the dev stack that runs on DATA_DIR (.data), else
${USUAL_URL}.

  --once         reads once; exit code 3 when an instance does not answer
  --json         prints a JSON object for each reading
  --every <s>    seconds between two readings, from 0.1 to 3600 (1)
  --help         shows this
`

interface Options {
  readonly urls: readonly string[]
  /** Of an address that nobody gave: what ends a reading of it that nothing answers. */
  readonly whyNone: string | undefined
  readonly form: 'table' | 'lines' | 'json'
  readonly readings: 'one' | 'many'
  readonly everyMs: number
}

/** How long an instance may take to answer, ms. */
const ANSWER_MAX_MS = 2_000

/** Moves to the top and clears what is below: clearing first would flicker. */
const REDRAW = '\u001B[H\u001B[J'

await main()

async function main(): Promise<void> {
  let options: Options | 'help'
  try {
    options = await readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    process.exitCode = EXIT_USAGE
    return
  }
  if (options === 'help') process.stdout.write(USAGE)
  else await show(options)
}

async function readOptions(args: readonly string[]): Promise<Options | 'help'> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      every: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const seconds = Number(values.every)
  if (!(seconds >= 0.1 && seconds <= 3600)) throw new Error('--every takes 0.1 to 3600 seconds')
  const { urls, whyNone } =
    positionals.length === 0 ? await usualPlace() : { urls: positionals, whyNone: undefined }
  for (const url of urls) if (!/^https?:$/.test(protocolOf(url))) throw new Error(`no URL: ${url}`)
  const plain = process.stdout.isTTY ? 'table' : 'lines'
  return {
    urls: [...new Set(urls)],
    whyNone,
    form: values.json ? 'json' : plain,
    readings: values.once ? 'one' : 'many',
    everyMs: seconds * 1000,
  }
}

async function usualPlace(): Promise<Pick<Options, 'urls' | 'whyNone'>> {
  const found = await findOperatorsPort()
  if ('url' in found) return { urls: [found.url], whyNone: undefined }
  return { urls: [USUAL_URL], whyNone: `nothing answers on ${USUAL_URL}, and ${found.whyNot}` }
}

function protocolOf(url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : ''
}

async function show({ urls, whyNone, form, readings, everyMs }: Options): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const before = new Map<string, Scrape>()
  while (!stop.signal.aborted) {
    const answers = await Promise.all(urls.map((url) => scrape(url, before)))
    write(answers, { form, readings })
    if (whyNone !== undefined && answers.every((each) => 'fault' in each)) {
      process.stderr.write(`${whyNone}\n`)
      process.exitCode = EXIT_SILENT
      return
    }
    if (readings === 'one') {
      if (answers.some((each) => 'fault' in each)) process.exitCode = EXIT_SILENT
      return
    }
    await pause(everyMs, undefined, { signal: stop.signal }).catch(() => undefined)
  }
}

async function scrape(url: string, before: Map<string, Scrape>): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MAX_MS)
    const answer = await fetch(new URL('/metrics', url), { signal })
    const text = await answer.text()
    if (!answer.ok) return { url, fault: `HTTP ${answer.status}` }
    const now = { samples: parseSamples(text), at: performance.now() }
    const figures = figuresOf(now, before.get(url))
    before.set(url, now)
    return { url, figures }
  } catch (error) {
    before.delete(url)
    return { url, fault: faultOf(error) }
  }
}

function faultOf(error: unknown): string {
  const { cause = error } = error instanceof Error ? error : {}
  if (cause instanceof Error && 'code' in cause) return `no answer: ${String(cause.code)}`
  return 'no answer'
}

function write(answers: readonly Answer[], how: Pick<Options, 'form' | 'readings'>): void {
  const at = new Date().toISOString()
  if (how.form === 'json') process.stdout.write(`${JSON.stringify({ at, instances: answers })}\n`)
  else if (how.form === 'lines') {
    process.stdout.write(answers.map((each) => `${lineOf(each, at)}\n`).join(''))
  } else process.stdout.write(`${how.readings === 'many' ? REDRAW : ''}${tableOf(answers, at)}`)
}
