// `pit show`: all that Pit knows of one payment.

import {
  EXIT_DIFFERENT,
  EXIT_FINE,
  PitUnreachable,
  UsageError,
  exitCodeOf,
} from '../operator/failures.ts'
import { readArguments, readPaymentId } from '../operator/command-line.ts'
import { findClientsPort } from './addresses.ts'
import { askPit, CLIENTS_CALL, detailOf, isClientsPort, readFields } from './ask-pit.ts'
import { describePayment } from './payment-text.ts'
import { escapedLines } from '../operator/free-text.ts'

const USAGE = `Usage: pit show <id> [options]

Shows all that is known of one payment: its state, its processor, what it waits
for, and each attempt with its reason and outcome.

  --json       prints what GET /payments/{id} answered
  --url <url>  where clients call Pit, or unix:/path; absent: LISTEN_SOCKET or
               PORT (9999) on this machine, or, where neither of them nor
               DATABASE_URL is set, the Pit of the dev stack on DATA_DIR (.data)
  --help       shows this

Examples:
  pit show 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3
  pit show 4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3 --json --url http://pay.example

Exit codes: 0 shown; 1 no payment has this id, or what is stored of it cannot
be read; 2 usage; 3 Pit does not answer, or cannot read it now.
`

async function main(): Promise<number> {
  const { values, positionals } = readArguments('pit show', {
    args: process.argv.slice(2),
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      url: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(USAGE)
    return EXIT_FINE
  }
  const [given, ...more] = positionals
  if (given === undefined || more.length > 0) {
    throw new UsageError('pit show takes one id of a payment (pit show --help says more)')
  }
  const id = readPaymentId('pit show', given)
  const url = await findClientsPort(values.url)
  return await show({ url, id, form: values.json === true ? 'json' : 'text' })
}

interface Request {
  readonly url: string
  readonly id: string
  readonly form: 'json' | 'text'
}

async function show({ url, id, form }: Request): Promise<number> {
  const answer = await askPit({ url, path: `/payments/${id}` })
  const payment = readFields(answer.body)
  if (answer.status === 200 && payment !== undefined) {
    process.stdout.write(
      form === 'json' ? `${escapedLines(answer.body)}\n` : describePayment(payment),
    )
    return EXIT_FINE
  }
  const isPit = answer.status !== 404 || (await isClientsPort(url))
  if (!isPit) throw new PitUnreachable(`${url} answers 404: ${CLIENTS_CALL}`)
  if (answer.status !== 404 && answer.status !== 500) {
    throw new PitUnreachable(`${url} answers ${detailOf(answer)}`)
  }
  process.stderr.write(`${detailOf(answer)}\n`)
  return EXIT_DIFFERENT
}

// Stands below the constants: what stands below it has no value yet when it runs.
process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))
