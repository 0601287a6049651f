// `pit status`: what running instances do, out of their metrics, until Ctrl-C.

import { setTimeout as pause } from 'node:timers/promises'
import { readArguments, readHttpUrl } from '../operator/command-line.ts'
import { EXIT_FINE, EXIT_UNREACHABLE, UsageError, exitCodeOf } from '../operator/failures.ts'
import { figuresOf, type Scrape } from './figures.ts'
import { parseSamples } from './samples.ts'
import { findOperatorsPort } from './addresses.ts'
import { OPERATORS_CALL, whyNoAnswer } from './ask-pit.ts'
import { lineOf, tableOf, type Answer } from './table.ts'
import { escaped } from '../operator/free-text.ts'

const USAGE = `Usage: pit status [options] [url …]

Shows what the instances behind these operators' ports do: as a table on a
terminal, which is drawn again and again, else as a line for each. The first
times are since the start, the later ones since the reading before. Without a
URL it is OPS_PORT (9998) of OPS_HOST (127.0.0.1), or, where neither OPS_PORT
nor DATABASE_URL is set, the port of the dev stack that runs on DATA_DIR
(.data).

  --once         reads once
  --json         prints a JSON object for each reading
  --every <s>    seconds between two readings, from 0.1 to 3600 (1)
  --help         shows this

Examples:
  pit status
  pit status --once --json http://127.0.0.1:9998 http://127.0.0.1:9997

Exit codes: 0 all answered, or after Ctrl-C; 2 usage; 3 one is silent that is
read once, or that was not named.
`

interface Options {
  readonly urls: readonly string[]
  /** Said when nobody answers and nobody gave the address; undefined: it was given. */
  readonly whyNone: string | undefined
  readonly form: 'table' | 'lines' | 'json'
  readonly readings: 'one' | 'many'
  readonly everyMs: number
}

/** How long an instance may take to answer, ms. */
const ANSWER_MAX_MS = 2_000

/** Moves to the top and clears what is below: clearing first would flicker. */
const REDRAW = '\u001B[H\u001B[J'

async function main(): Promise<number> {
  const options = await readOptions(process.argv.slice(2))
  if (options !== 'help') return await show(options)
  process.stdout.write(USAGE)
  return EXIT_FINE
}

async function readOptions(args: readonly string[]): Promise<Options | 'help'> {
  const { values, positionals } = readArguments('pit status', {
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
  if (!(seconds >= 0.1 && seconds <= 3600))
    throw new UsageError('--every takes 0.1 to 3600 seconds')
  const named = positionals.map((each) => readHttpUrl(undefined, each))
  const { urls, whyNone } =
    named.length === 0 ? await usualUrls() : { urls: named, whyNone: undefined }
  const plain = process.stdout.isTTY ? 'table' : 'lines'
  return {
    urls: [...new Set(urls)],
    whyNone,
    form: values.json ? 'json' : plain,
    readings: values.once ? 'one' : 'many',
    everyMs: seconds * 1000,
  }
}

async function usualUrls(): Promise<Pick<Options, 'urls' | 'whyNone'>> {
  const { url, whyThere } = await findOperatorsPort()
  const whyNone = whyThere === undefined ? undefined : `no Pit answers on ${url}, ${whyThere}`
  return { urls: [url], whyNone }
}

async function show({ urls, whyNone, form, readings, everyMs }: Options): Promise<number> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const before = new Map<string, Scrape>()
  while (!stop.signal.aborted) {
    const answers = await Promise.all(urls.map((url) => scrape(url, before)))
    write(answers, { form, readings })
    if (whyNone !== undefined && answers.every((each) => 'fault' in each)) {
      process.stderr.write(`${whyNone}\n`)
      return EXIT_UNREACHABLE
    }
    if (readings === 'one') {
      return answers.some((each) => 'fault' in each) ? EXIT_UNREACHABLE : EXIT_FINE
    }
    await pause(everyMs, undefined, { signal: stop.signal }).catch(() => undefined)
  }
  return EXIT_FINE
}

async function scrape(url: string, before: Map<string, Scrape>): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MAX_MS)
    const answer = await fetch(new URL('/metrics', url), { signal })
    const text = await answer.text()
    if (!answer.ok) {
      before.delete(url)
      const hint = answer.status === 404 ? OPERATORS_CALL : undefined
      return { url, fault: `HTTP ${answer.status}`, hint }
    }
    const now = { samples: parseSamples(text), at: performance.now() }
    const figures = figuresOf(now, before.get(url))
    before.set(url, now)
    return { url, figures }
  } catch (error) {
    before.delete(url)
    return { url, fault: whyNoAnswer(error), hint: undefined }
  }
}

function write(answers: readonly Answer[], how: Pick<Options, 'form' | 'readings'>): void {
  const at = new Date().toISOString()
  if (how.form === 'json')
    process.stdout.write(`${escaped(JSON.stringify({ at, instances: answers }))}\n`)
  else if (how.form === 'lines') {
    process.stdout.write(answers.map((each) => `${lineOf(each, at)}\n`).join(''))
  } else process.stdout.write(`${how.readings === 'many' ? REDRAW : ''}${tableOf(answers, at)}`)
}

// Stands below the constants: what stands below it has no value yet when it runs.
process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))
