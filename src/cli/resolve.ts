// `pit resolve`: what became of a payment in doubt, said by a person where no processor says it.

import type { ResolveMet } from '../actors/model/operator.ts'
import { readArguments, readInstant, readPaymentId, readReason } from '../operator/command-line.ts'
import { EXIT_DIFFERENT, EXIT_FINE, exitCodeOf, UsageError } from '../operator/failures.ts'
import { asFields } from './ask-pit.ts'
import { describeCommand } from './command-text.ts'
import { findOperators, giveOrder, isMeant } from './operators.ts'

const USAGE = `Usage: pit resolve <id> --settled <processor> --at <instant> [--unlisted]
                   --reason <text>
       pit resolve <id> --never <processor> --reason <text>
       pit resolve <id> --never --everywhere --reason <text>

Says what became of one payment in doubt, where its processor will never say it.
Ask that processor's operators first: Pit believes what you say.

  --settled <processor>  it is settled at this one, default or fallback, by the
                         charge with the requestedAt of --at: it is booked so
  --at <instant>         as the processor has it; ISO with an offset, such as
                         2026-01-31T12:00:00.123Z. It is that of an attempt that
                         pit show lists; where none is known there, it lies
                         between the payment's acceptance and now
  --unlisted             with --at: such an instant though attempts are known
                         and have others
  --never <processor>    it is not settled at this one, and never will be: it
                         may be charged again. If it was charged after all, it is
                         paid twice, which no later look-up undoes
  --everywhere           with --never: at neither of them
  --reason <text>        how that is known, for whoever reads pit audit later
  --yes                  asks nobody before
  --url <url>            the operators' port of an instance; absent: OPS_PORT
                         (9998) of OPS_HOST (127.0.0.1), or, where neither
                         OPS_PORT nor DATABASE_URL is set, that of the dev stack
                         on DATA_DIR (.data)
  --help                 shows this

The instance that has the payment hands it back first. A payment that is final,
unknown, or not in doubt there is left as it is, as by an instant that does not
fit: those that would are named. pit show says where it is in doubt.

With KEYS_FILE at the instances the key stands in PIT_KEY, or in the file that
PIT_KEY_FILE names.

Example:
  pit resolve 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3 --never default \\
    --reason "their ticket 4711: lost in the fire"

Exit codes: 0 it was carried out; 1 it was refused, nobody confirmed, or no
instance has carried it out within 35 s; 2 usage; 3 the instance that was asked,
or its PostgreSQL, does not answer.
`

/** A little longer than an instance may take to hand the payment back, ms. */
const CARRIED_OUT_WITHIN_MS = 35_000

interface Resolved {
  /** As it is posted. */
  readonly body: object
  /** As a person is asked whether it is meant. */
  readonly words: string
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments('pit resolve', {
    args: process.argv.slice(2),
    allowPositionals: true,
    options: OPTIONS,
  })
  if (values.help === true) {
    process.stdout.write(USAGE)
    return EXIT_FINE
  }
  const { body, words } = readResolved(values, positionals)
  const reason = readReason(values.reason)
  if (reason === undefined) throw new UsageError('pit resolve takes --reason, which says why')
  const operators = await findOperators(values.url)
  if (values.yes !== true && !(await isMeant(words, operators))) return EXIT_DIFFERENT
  const waitMs = CARRIED_OUT_WITHIN_MS
  const command = await giveOrder(operators, { ...body, reason }, { waitMs })
  if ('refusal' in command) {
    process.stderr.write(`${command.refusal}\n`)
    return EXIT_DIFFERENT
  }
  process.stdout.write(describeCommand(command))
  const met: ResolveMet = 'resolved'
  const isCarriedOut = Object.values(command.result).some((at) => asFields(at)?.['payment'] === met)
  return isCarriedOut ? EXIT_FINE : EXIT_DIFFERENT
}

const OPTIONS = {
  settled: { type: 'string' },
  at: { type: 'string' },
  unlisted: { type: 'boolean' },
  never: { type: 'boolean' },
  everywhere: { type: 'boolean' },
  reason: { type: 'string' },
  yes: { type: 'boolean' },
  url: { type: 'string' },
  help: { type: 'boolean' },
} as const

interface Given {
  readonly settled?: string | undefined
  readonly at?: string | undefined
  readonly unlisted?: boolean | undefined
  readonly never?: boolean | undefined
  readonly everywhere?: boolean | undefined
}

function readResolved(
  { settled, at, unlisted, never, everywhere }: Given,
  [id, named, ...more]: readonly string[],
): Resolved {
  if (id === undefined || more.length > 0) throw new UsageError('pit resolve takes one payment')
  const correlationId = readPaymentId('pit resolve', id)
  const order = { kind: 'resolve', correlationId }
  if ((settled === undefined) === (never !== true)) {
    throw new UsageError('pit resolve takes --settled or --never')
  }
  if (settled !== undefined) {
    if (named !== undefined || everywhere === true || at === undefined) {
      throw new UsageError('--settled takes a processor, and with it --at, an instant')
    }
    const processor = readProcessor(settled)
    const requestedAt = new Date(readInstant('at', at, 0)).toISOString()
    const body = { ...order, to: 'settled', processor, requestedAt }
    const words = `book ${correlationId} as settled at ${processor}, requested ${requestedAt}`
    return unlisted === true
      ? { body: { ...body, unlisted }, words: `${words}, also if no known attempt has that` }
      : { body, words }
  }
  if (at !== undefined || unlisted === true) {
    throw new UsageError('--never takes no --at and no --unlisted')
  }
  if ((named === undefined) === (everywhere !== true)) {
    throw new UsageError('--never takes a processor, or --everywhere')
  }
  const processors = named === undefined ? ['default', 'fallback'] : [readProcessor(named)]
  const where = processors.join(' or ')
  return {
    body: { ...order, to: 'never', processors },
    words: `${correlationId} may be charged again, and is paid twice if ${where} has it: go on`,
  }
}

function readProcessor(name: string): string {
  if (name === 'default' || name === 'fallback') return name
  throw new UsageError(`a processor is default or fallback, not ${name}`)
}

// Stands below the constants: what stands below it has no value yet when it runs.
process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))
