// `pit status`: what running instances do, out of their metrics, until Ctrl-C.

import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { figuresOf, type Look } from './figures.ts'
import { parseSamples } from './samples.ts'
import { lineOf, tableOf, type Told } from './table.ts'

/** Exit codes: 0 when all answered, or after Ctrl-C; 2 for wrong usage, 3 when one is silent. */
const EXIT_USAGE = 2
const EXIT_SILENT = 3

const USAGE = `Usage: pit status [options] [url …]

What the instances behind these operators' ports do (http://127.0.0.1:9998): a table that is drawn
anew on a terminal, a line for each elsewhere. The first times are since the start, the later ones
since the look before.

  --once         one look; exit code 3 when an instance does not answer
  --json         a JSON object for each look
  --every <s>    seconds between two looks, from 0.1 to 3600 (1)
  --help         shows this
`

interface Options {
  readonly urls: readonly string[]
  readonly form: 'table' | 'lines' | 'json'
  readonly looks: 'one' | 'many'
  readonly everyMs: number
}

/** How long an instance may take to answer, ms. */
const ANSWER_MAX_MS = 2_000

/** Home, and everything below gone: nothing flickers, as clearing first would. */
const REDRAW = '\u001B[H\u001B[J'

await main()

async function main(): Promise<void> {
  let options: Options | 'help'
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    process.exitCode = EXIT_USAGE
    return
  }
  if (options === 'help') process.stdout.write(USAGE)
  else await show(options)
}

function readOptions(args: readonly string[]): Options | 'help' {
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
  const urls = positionals.length === 0 ? ['http://127.0.0.1:9998'] : positionals
  for (const url of urls) if (!/^https?:$/.test(protocolOf(url))) throw new Error(`no URL: ${url}`)
  const plain = process.stdout.isTTY ? 'table' : 'lines'
  return {
    urls: [...new Set(urls)],
    form: values.json ? 'json' : plain,
    looks: values.once ? 'one' : 'many',
    everyMs: seconds * 1000,
  }
}

function protocolOf(url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : ''
}

async function show({ urls, form, looks, everyMs }: Options): Promise<void> {
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const before = new Map<string, Look>()
  while (!stop.signal.aborted) {
    const told = await Promise.all(urls.map((url) => look(url, before)))
    write(told, { form, looks })
    if (looks === 'one') {
      if (told.some((each) => 'fault' in each)) process.exitCode = EXIT_SILENT
      return
    }
    await pause(everyMs, undefined, { signal: stop.signal }).catch(() => undefined)
  }
}

async function look(url: string, before: Map<string, Look>): Promise<Told> {
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

function write(told: readonly Told[], how: Pick<Options, 'form' | 'looks'>): void {
  const at = new Date().toISOString()
  if (how.form === 'json') process.stdout.write(`${JSON.stringify({ at, instances: told })}\n`)
  else if (how.form === 'lines') {
    process.stdout.write(told.map((each) => `${lineOf(each, at)}\n`).join(''))
  } else process.stdout.write(`${how.looks === 'many' ? REDRAW : ''}${tableOf(told, at)}`)
}
