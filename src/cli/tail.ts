// `pit tail`: payments as they leave an instance, one line each, out of the lists of its console.

import { setTimeout as pause } from 'node:timers/promises'
import { EXIT_FINE, PitUnreachable, exitCodeOf } from '../operator/failures.ts'
import { readArguments, readHttpUrl } from '../operator/command-line.ts'
import { findOperatorsPort, keyHeaders } from './addresses.ts'
import { asFields, askPit, detailOf, OPERATORS_CALL, readFields } from './ask-pit.ts'
import { escaped } from '../operator/free-text.ts'

/** Between two readings, ms; so often while it is silent. */
const READ_EVERY_MS = 250
const SILENT_EVERY_MS = 1_000

/** Lines shown of payments that left before the first reading. */
const FIRST_MAX = 10

const USAGE = `Usage: pit tail [options] [url …]

Prints a line for each payment that leaves an instance: settled, rejected, or
parked to be tried again. Begins with the last ${FIRST_MAX}, goes on until Ctrl-C, and
over a restart of Pit. At more than 800 of a kind a second not all are shown:
a line says so then. Without a URL it is OPS_PORT (9998) of OPS_HOST
(127.0.0.1), or, where neither OPS_PORT nor DATABASE_URL is set, the operators'
port of the dev stack that runs on DATA_DIR (.data).

  --json   prints a JSON object for each payment
  --help   shows this

Examples:
  pit tail
  pit tail --json | grep rejected
  pit tail http://127.0.0.1:9998 http://127.0.0.1:9997

Exit codes: 0 after Ctrl-C; 2 usage; 3 Pit does not answer the first time.
`

async function main(): Promise<number> {
  const { values, positionals } = readArguments('pit tail', {
    args: process.argv.slice(2),
    allowPositionals: true,
    options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help === true) {
    process.stdout.write(USAGE)
    return EXIT_FINE
  }
  const given = [...new Set(positionals.map((each) => readHttpUrl(undefined, each)))]
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const form = values.json === true ? 'json' : 'text'
  const urls = given.length > 0 ? given : [await usualUrl()]
  const feeds = urls.map((url) => new Feed(url))
  // What nobody answers at first is a mistake; later on it is a restart.
  for (const feed of feeds) print(await feed.readFirst(), form)
  await Promise.all(feeds.map((feed) => follow(feed, { form, signal: stop.signal })))
  return EXIT_FINE
}

async function usualUrl(): Promise<string> {
  const { url, whyThere } = await findOperatorsPort()
  if (whyThere === undefined) return url
  await askPit({ url, path: '/healthz' }).catch((cause: unknown) => {
    throw new PitUnreachable(`nothing answers on ${url}, ${whyThere}`, { cause })
  })
  return url
}

interface Following {
  readonly form: 'json' | 'text'
  readonly signal: AbortSignal
}

async function follow(feed: Feed, { form, signal }: Following): Promise<void> {
  let silence = ''
  while (!signal.aborted) {
    await pause(silence === '' ? READ_EVERY_MS : SILENT_EVERY_MS, undefined, { signal }).catch(
      () => undefined,
    )
    if (signal.aborted) return
    try {
      const left = await feed.read()
      if (silence !== '') note(`${feed.url} answers again`)
      silence = ''
      print(left, form)
    } catch (error) {
      if (!(error instanceof PitUnreachable)) throw error
      if (silence !== error.message) note(`${error.message}; it is asked again every second`)
      silence = error.message
    }
  }
}

/** A payment that left its instance. */
interface Left {
  readonly url: string
  readonly state: string
  /** Epoch ms. */
  readonly at: number
  readonly correlationId: string
  readonly note: string
}

const STATES = ['settled', 'rejected', 'parked'] as const

/** Entries that a list of the console holds: with as many, older ones were dropped. */
const LISTED_MAX = 200

class Feed {
  readonly url: string
  /** The newest that was read of each state. */
  readonly #newest = new Map<string, Left>()

  constructor(url: string) {
    this.url = url
  }

  /** The last few. Rejects with `PitUnreachable`. */
  async readFirst(): Promise<readonly Left[]> {
    const lists = await Promise.all(STATES.map((state) => this.#list(state)))
    for (const [newest] of lists) if (newest !== undefined) this.#newest.set(newest.state, newest)
    return oldestFirst(lists.flat()).slice(-FIRST_MAX)
  }

  /** Those that left since. Rejects with `PitUnreachable`. */
  async read(): Promise<readonly Left[]> {
    const lists = await Promise.all(STATES.map((state) => this.#list(state)))
    return oldestFirst(STATES.flatMap((state, place) => this.#fresh(state, lists[place] ?? [])))
  }

  /** After a restart the list has none of those before it. @param list newest first. */
  #fresh(state: string, list: readonly Left[]): readonly Left[] {
    const seen = this.#newest.get(state)
    const [newest] = list
    if (newest !== undefined) this.#newest.set(state, newest)
    const place = list.findIndex((each) => isSame(each, seen))
    if (place >= 0) return list.slice(0, place)
    if (list.length === LISTED_MAX) note(`${this.url}: more were ${state} than are listed here`)
    return list
  }

  async #list(state: string): Promise<readonly Left[]> {
    const { url } = this
    const path = `/console/states/${state}`
    const answer = await askPit({ url, path, headers: keyHeaders() })
    if (answer.status === 404) throw new PitUnreachable(`${url} answers 404: ${OPERATORS_CALL}`)
    const left = answer.status === 200 ? readFields(answer.body)?.['left'] : undefined
    if (!Array.isArray(left)) throw new PitUnreachable(`${url} answers ${detailOf(answer)}`)
    return left.map((each) => {
      const { at, correlationId, note: words } = asFields(each) ?? {}
      return {
        url,
        state,
        at: typeof at === 'number' ? at : 0,
        correlationId: String(correlationId),
        note: typeof words === 'string' ? words : '',
      }
    })
  }
}

function isSame(one: Left, other: Left | undefined): boolean {
  return one.at === other?.at && one.correlationId === other.correlationId
}

function oldestFirst(all: readonly Left[]): readonly Left[] {
  return all.toSorted((one, other) => one.at - other.at)
}

function print(all: readonly Left[], form: Following['form']): void {
  const lines = all.map((left) => {
    const at = new Date(left.at).toISOString()
    if (form === 'json') return `${escaped(JSON.stringify({ ...left, at }))}\n`
    const line = `${at}  ${left.state.padEnd(8)}  ${left.correlationId}  ${left.note}`
    return `${escaped(line.trimEnd())}\n`
  })
  process.stdout.write(lines.join(''))
}

function note(text: string): void {
  process.stderr.write(`${escaped(text)}\n`)
}

// Stands below the constants: what stands below it has no value yet when it runs.
process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))
