// The command line of a simulator.

import { parseArgs } from 'node:util'
import { describeFaults } from './faults.ts'
import { isFeeRate } from './wire-format.ts'
import type { SimulatorOptions } from './simulator.ts'

export const USAGE = `Usage: pit simulator [options]

A payment processor to pay at, and to break.

  --port <number>   port to listen on, 0 for a free one (8001)
  --fee <rate>      part of each amount, from 0 to below 1 (0.05)
  --host <address>  address to listen on (127.0.0.1)
  --token <text>    value of X-Rinha-Token that opens /admin/* (123)
  --keep <file>     file of its own that keeps the payments over restarts (none)
  --help            shows this

Switches, each a PUT to /admin/configurations/NAME with X-Rinha-Token:

  delay    {"delay": 2000}     each charge waits so long, ms, 0 to 600000
  failure  {"failure": true}   each charge is answered 500 and not recorded
  token    {"token": "abc"}    the token from now on
  faults   {"charge": [{"kind": "resetAfterRecord", "share": 0.2}],
            "lookUp": [], "flapMs": null, "seed": 1}
                               calls meet faults, each with a share of 0 to 1;
                               what is left out is off, {} clears all; flapMs
                               switches failure on and off; the same seed draws
                               the same faults

GET /admin/configurations/faults shows them, POST /admin/purge-payments forgets
all payments. Kinds of faults, with what they need besides their share (delayMs:
0 to 600000; status: 500 to 599, may be left out):

${describeFaults()}
`

/** Parses the arguments after the script's name. Throws with a sentence for the user. */
export function readOptions(args: readonly string[]): SimulatorOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: '8001' },
      fee: { type: 'string', default: '0.05' },
      host: { type: 'string', default: '127.0.0.1' },
      token: { type: 'string', default: '123' },
      keep: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  const port = readNumber(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`--port must be a number from 0 to 65535, it is '${values.port}'`)
  }
  const feeRate = readNumber(values.fee)
  if (!isFeeRate(feeRate)) {
    throw new RangeError(
      `--fee must be from 0 to below 1 with at most six decimals, it is '${values.fee}'`,
    )
  }
  if (values.host === '') throw new RangeError('--host must not be empty')
  if (values.token === '') throw new RangeError('--token must not be empty')
  if (values.keep === '') throw new RangeError('--keep must not be empty')
  const kept = values.keep === undefined ? {} : { keepIn: values.keep }
  return { port, feeRate, host: values.host, token: values.token, ...kept }
}

/** NaN for a text that is not a plain decimal number; `Number` would read an empty one as 0. */
function readNumber(text: string): number {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
}
