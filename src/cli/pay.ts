// `pit pay`: posts one payment as a client does, and follows it until it is settled.

import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { formatCents, parseCents } from '../actors/model/money.ts'
import {
  EXIT_DIFFERENT,
  EXIT_FINE,
  PitUnreachable,
  UsageError,
  exitCodeOf,
} from '../operator/failures.ts'
import { readArguments, readPaymentId } from '../operator/command-line.ts'
import { findClientsPort } from './addresses.ts'
import { askPit, CLIENTS_CALL, detailOf, readFields } from './ask-pit.ts'
import { describeState } from './payment-text.ts'

/** How long --wait follows a payment, s: an unknown outcome takes 42 s, an outage any time. */
const WAIT_MAX_S = 300
/** Between two readings of its state, ms. */
const READ_EVERY_MS = 250

const USAGE = `Usage: pit pay <amount> [options]

Posts one payment as a client does, and prints what Pit answered and its id.

  --id <uuid>  its correlationId; absent: a new one. One id is one payment,
               however often it is posted
  --wait       follows it until it is settled or rejected, ${WAIT_MAX_S} s at most
  --url <url>  where clients call Pit, or unix:/path; absent: LISTEN_SOCKET or
               PORT (9999) on this machine, or, where neither of them nor
               DATABASE_URL is set, the Pit of the dev stack on DATA_DIR (.data)
  --help       shows this

Examples:
  pit pay 19.90
  pit pay 19.90 --wait
  pit pay 5 --id 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3 --url http://pay.example

Exit codes: 0 accepted, with --wait settled; 1 refused, with --wait rejected or
not settled in time; 2 usage; 3 Pit does not answer, or cannot accept it now.
`

async function main(): Promise<number> {
  const args = process.argv.slice(2)
  // It would be taken for an option.
  const negative = args.find((each) => /^-[\d.,]/.test(each))
  if (negative !== undefined) throw noAmount(negative)
  const { values, positionals } = readArguments('pit pay', {
    args,
    allowPositionals: true,
    options: {
      id: { type: 'string' },
      wait: { type: 'boolean' },
      url: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(USAGE)
    return EXIT_FINE
  }
  const [amount, ...more] = positionals
  if (amount === undefined || more.length > 0) {
    throw new UsageError('pit pay takes one amount, such as 19.90 (pit pay --help says more)')
  }
  const cents = readAmount(amount)
  const id = values.id === undefined ? randomUUID() : readPaymentId('--id', values.id)
  const url = await findClientsPort(values.url)
  const code = await post({ url, id, cents })
  return code === EXIT_FINE && values.wait === true ? await follow({ url, id }) : code
}

/** Whole cents. Throws `UsageError`. */
function readAmount(text: string): number {
  const cents = parseCents(text)
  if (typeof cents === 'number' && cents > 0) return cents
  throw noAmount(text)
}

function noAmount(text: string): UsageError {
  return new UsageError(
    `an amount is above 0 and at most 1000000000.00, with at most 2 decimals, not ${text}`,
  )
}

interface Posted {
  readonly url: string
  readonly id: string
}

async function post({ url, id, cents }: Posted & { readonly cents: number }): Promise<number> {
  const body = `{"correlationId":"${id}","amount":${formatCents(cents)}}`
  const answer = await askPit({ url, path: '/payments', body }).catch((cause: unknown) => {
    if (!(cause instanceof PitUnreachable)) throw cause
    // It may have been accepted.
    throw new PitUnreachable(`${cause.message}; to repeat it safely: --id ${id}`, { cause })
  })
  if (answer.status === 202) {
    process.stdout.write(`202 accepted ${id}\n`)
    return EXIT_FINE
  }
  if (answer.status === 404 || answer.status === 405) {
    throw new PitUnreachable(`${url} answers ${answer.status}: ${CLIENTS_CALL}`)
  }
  if (answer.status >= 500) throw new PitUnreachable(`${url} answers ${detailOf(answer)} (${id})`)
  process.stderr.write(`${detailOf(answer)} (${id})\n`)
  return EXIT_DIFFERENT
}

/** Goes on while Pit is silent: it may be started again meanwhile. */
async function follow(payment: Posted): Promise<number> {
  const startedAt = performance.now()
  const tell = (text: string): void => {
    const after = ((performance.now() - startedAt) / 1000).toFixed(1)
    process.stdout.write(`${text}, after ${after} s\n`)
  }
  let told = ''
  while (performance.now() - startedAt < WAIT_MAX_S * 1000) {
    const { text, state } = await readState(payment)
    if (text !== told) tell(text)
    told = text
    if (state === 'settled') return EXIT_FINE
    if (state === 'rejected') return EXIT_DIFFERENT
    await pause(READ_EVERY_MS)
  }
  process.stderr.write(`it is not settled yet: pit show ${payment.id} says why\n`)
  return EXIT_DIFFERENT
}

async function readState({ url, id }: Posted): Promise<{ text: string; state: unknown }> {
  try {
    const answer = await askPit({ url, path: `/payments/${id}` })
    const payment = answer.status === 200 ? readFields(answer.body) : undefined
    if (payment === undefined) return { text: detailOf(answer), state: undefined }
    return { text: describeState(payment), state: payment['state'] }
  } catch (error) {
    if (error instanceof PitUnreachable) return { text: error.message, state: undefined }
    throw error
  }
}

// Stands below the constants: what stands below it has no value yet when it runs.
process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))
