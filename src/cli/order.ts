// `pit pause`, `pit resume`, `pit hold` and `pit drain`: orders to all instances, over one of them.

import { readArguments, readReason } from '../operator/command-line.ts'
import { EXIT_DIFFERENT, EXIT_FINE, exitCodeOf, UsageError } from '../operator/failures.ts'
import { describeCommand, isObeyed } from './command-text.ts'
import { FellSilent, findOperators, giveOrder, isMeant, type Operators } from './operators.ts'

function optionsWith(example: string): string {
  return `  --reason <text>  why, for whoever reads pit audit later
  --yes            asks nobody before
  --url <url>      the operators' port of an instance; absent: OPS_PORT (9998)
                   of OPS_HOST (127.0.0.1), or, where neither OPS_PORT nor
                   DATABASE_URL is set, that of the dev stack on DATA_DIR
                   (.data)
  --help           shows this

With KEYS_FILE at the instances the key stands in PIT_KEY, or in the file that
PIT_KEY_FILE names.

Example:
  ${example}

Exit codes: 0 all instances obey; 1 it was refused, nobody confirmed, or an
instance has not answered within 5 s or, being older, does not know the order;
2 usage; 3 the instance that was asked, or its PostgreSQL, does not answer.
`
}

const USAGES: Readonly<Record<Name, string>> = {
  pause: `Usage: pit pause <default|fallback> --reason <text> [options]

No instance sends this processor a charge any more, within a second and until
pit resume; what is under way is answered, and look-ups go on. Payments go to
the other one once they have waited ROUTE_WAIT_MAX_MS. While both are paused all
wait, and none is used up.

${optionsWith('pit pause default --reason "it is late"')}`,
  resume: `Usage: pit resume <default|fallback> --reason <text> [options]

Ends a pause or a hold at all instances. A processor that was paused, or held
open, gets few charges first and all once they succeed.

${optionsWith('pit resume default --reason "it is well"')}`,
  hold: `Usage: pit hold <default|fallback> <open|closed> --for <time> [options]

Holds the circuit of a processor at all instances, whatever it answers, and lets
go of it by itself. Held open it gets no charge. Held closed it gets all of
them, though it fails: each charge that fails costs its payment a try and its
time, and one without an answer pins its payment for the settle-by deadline.

  --for <time>     such as 90s, 10m, 2h, 1d; a week at most
${optionsWith('pit hold default closed --for 10m --reason "a test"')}`,
  drain: `Usage: pit drain <instance> --reason <text> [options]

The instance of this id stops as by SIGTERM: it takes nothing new, hands over
what waits, finishes what is under way, and ends with exit code 0. Whatever
restarts processes there may start it again. The console shows the ids. Over its
own port, which closes meanwhile, the order is done once that no longer answers.

${optionsWith('pit drain pit-2 --reason "a patch"')}`,
}

const NAMES = ['pause', 'resume', 'hold', 'drain'] as const
type Name = (typeof NAMES)[number]

interface Ordered {
  /** As it is posted. */
  readonly body: Readonly<Record<string, unknown>>
  /** As a person is asked whether it is meant. */
  readonly words: string
}

async function main(): Promise<number> {
  const [named, ...args] = process.argv.slice(2)
  const name = NAMES.find((each) => each === named) ?? 'pause'
  const { values, positionals } = readArguments(`pit ${name}`, {
    args,
    allowPositionals: true,
    options: {
      reason: { type: 'string' },
      for: { type: 'string' },
      yes: { type: 'boolean' },
      url: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(USAGES[name])
    return EXIT_FINE
  }
  const ordered = readOrder(name, positionals, values.for)
  const reason = readReason(values.reason)
  if (reason === undefined) throw new UsageError(`pit ${name} takes --reason, which says why`)
  const operators = await findOperators(values.url)
  if (values.yes !== true && !(await isMeant(ordered.words, operators))) return EXIT_DIFFERENT
  try {
    return await give(operators, { ...ordered.body, reason })
  } catch (error) {
    // It has done what it was told, as far as anybody can know over its own port.
    if (name !== 'drain' || !(error instanceof FellSilent)) throw error
    process.stdout.write(`${error.message}\n`)
    return EXIT_FINE
  }
}

function readOrder(name: Name, positionals: readonly string[], time: string | undefined): Ordered {
  const [about = '', to, ...more] = positionals
  const wanted = name === 'hold' ? 2 : 1
  if (positionals.length !== wanted || more.length > 0) {
    throw new UsageError(`${usageLine(name)} (pit ${name} --help says more)`)
  }
  if (name !== 'hold' && time !== undefined) throw new UsageError(`pit ${name} takes no --for`)
  if (name === 'drain') {
    return { body: { kind: name, instanceId: about }, words: `drain the instance ${about}` }
  }
  if (about !== 'default' && about !== 'fallback') {
    throw new UsageError(`a processor is default or fallback, not ${about}`)
  }
  if (name !== 'hold') return { body: { kind: name, processor: about }, words: `${name} ${about}` }
  if (to !== 'open' && to !== 'closed') {
    throw new UsageError(`a circuit is held open or closed, not ${to}`)
  }
  const body = { kind: name, processor: about, to, forMs: readTime(time) }
  return { body, words: `hold the circuit of ${about} ${to} for ${time}` }
}

function usageLine(name: Name): string {
  const [line = ''] = USAGES[name].split('\n', 1)
  return line.replace('Usage: ', '').replace(' [options]', '')
}

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

function readTime(text: string | undefined): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text ?? '') ?? []
  const ms = Number(count) * (UNITS_MS[unit] ?? Number.NaN)
  if (ms >= 1_000 && ms <= 7 * 86_400_000) return ms
  throw new UsageError('--for is a time such as 90s, 10m, 2h or 1d, of 1 s to 7 days')
}

async function give(operators: Operators, body: object): Promise<number> {
  const command = await giveOrder(operators, body)
  if ('refusal' in command) {
    process.stderr.write(`${command.refusal}\n`)
    return EXIT_DIFFERENT
  }
  process.stdout.write(describeCommand(command))
  return isObeyed(command) ? EXIT_FINE : EXIT_DIFFERENT
}

// Stands below the constants: what stands below it has no value yet when it runs.
process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))
