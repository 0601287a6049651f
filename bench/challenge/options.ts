// The command line of `npm run challenge`.

import { readOptions, readWhole } from './arguments.ts'
import { parseTarget } from '../load/target.ts'
import type { Target } from '../load/target.ts'
import { WEIGHT_NAMES, type WeightName } from '../load/weight.ts'
import { UsageError } from './errors.ts'
import { INITIAL_TOKEN } from './processor-admin.ts'
import type { ChallengeOptions } from './run.ts'
import { findSchedule } from './stages.ts'

export type CommandLine =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'run'
      readonly options: ChallengeOptions
      /** Where the result goes as JSON, `-` for standard output; undefined: nowhere. */
      readonly jsonFile: string | undefined
    }

/** @throws UsageError */
export function readCommandLine(args: readonly string[]): CommandLine {
  const values = readOptions(args, FLAGS)
  if (values.help === true) return { kind: 'help' }
  const options: ChallengeOptions = {
    pit: readTarget('url', values.url),
    default: readTarget('default-url', values['default-url']),
    fallback: readTarget('fallback-url', values['fallback-url']),
    token: values.token,
    seconds: readWhole('seconds', values.seconds, { min: 2, max: 3600 }),
    users: readWhole('users', values.users, { min: 1, max: 10_000 }),
    stages: findSchedule(values.stages),
    weight: readWeight(values.weight),
    settleSeconds: readWhole('settle-seconds', values['settle-seconds'], { min: 0, max: 3600 }),
    readyTries: readWhole('ready-tries', values['ready-tries'], { min: 1, max: 1000 }),
  }
  return { kind: 'run', options, jsonFile: values.json }
}

export const USAGE = `Usage: pit challenge [options]

The challenge's load: users, stages, consistency checks and score.

  --seconds N         length of the load, s (60); stages and checks scale
  --users N           users at the end of the ramp (550)
  --url URL           Pit (http://localhost:9999); unix:/path for a unix socket
  --default-url URL   the default processor (http://localhost:8001)
  --fallback-url URL  the fallback processor (http://localhost:8002)
  --token TOKEN       admin token given to both processors (123)
  --stages NAME|FILE  challenge, calm, outage, flapping, or a .json file
                      (challenge)
  --weight WEIGHT     light, or contest: as heavy on the machine as the
                      contest's generator (light)
  --settle-seconds N  how long to wait for the backlog after the result, s (60)
  --ready-tries N     how often to ask whether Pit is there, 5 s apart (15)
  --json FILE         the result as JSON, - for standard output (nowhere)
  --help              this text

A Pit that allows it (ALLOW_PURGE) is purged before, and the processors with it.
Beside one that refuses, nothing is purged and only what the load has requested
is counted.

Ctrl-C ends it early: both processors are left without delay and failure.

Exit codes: 0 fine; 1 inconsistent, disqualified or lost payments; 2 usage;
3 not reachable; 130 ended early.
`

const FLAGS = {
  seconds: { type: 'string', default: '60' },
  users: { type: 'string', default: '550' },
  url: { type: 'string', default: 'http://localhost:9999' },
  'default-url': { type: 'string', default: 'http://localhost:8001' },
  'fallback-url': { type: 'string', default: 'http://localhost:8002' },
  token: { type: 'string', default: INITIAL_TOKEN },
  stages: { type: 'string', default: 'challenge' },
  weight: { type: 'string', default: 'light' },
  'settle-seconds': { type: 'string', default: '60' },
  'ready-tries': { type: 'string', default: '15' },
  json: { type: 'string' },
  help: { type: 'boolean' },
} as const

function readWeight(text: string): WeightName {
  const weight = WEIGHT_NAMES.find((name) => name === text)
  if (weight !== undefined) return weight
  throw new UsageError(`--weight is one of ${WEIGHT_NAMES.join(', ')}`)
}

function readTarget(flag: string, text: string): Target {
  try {
    return parseTarget(text)
  } catch (cause) {
    throw new UsageError(`--${flag} is ${(cause as Error).message}`, { cause })
  }
}
