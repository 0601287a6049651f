// npm run bench:durability: what it costs that a 202 means committed, the same build with less.

import { findSchedule } from './challenge/stages.ts'
import type { LayoutOptions } from './layout/plan.ts'
import { measureAccepting, openFloor, openPit } from './measure/accepting.ts'
import { measureChallenge, measureChallengeFloor } from './measure/challenge-load.ts'
import { runBench, type Variant } from './measure/command.ts'
import { decimal, oneOf, whole } from './measure/flags.ts'
import { sharesFor } from './measure/world.ts'

interface Options {
  readonly load: 'accept' | 'challenge' | 'both'
  readonly seconds: number
  readonly warmupSeconds: number
  readonly perSecond: number
  readonly cpus: number
  readonly challengeSeconds: number
  readonly users: number
}

type Durability = Pick<LayoutOptions, 'env' | 'postgresSettings'>

/** Each gives up more than the one before. */
const DURABILITIES: Readonly<Record<string, Durability>> = {
  durable: {},
  'synchronous_commit off': { postgresSettings: { synchronous_commit: 'off' } },
  'answer before the commit': { env: { LOSE_ACCEPTED_PAYMENTS_ON_CRASH: 'on' } },
}

await runBench({
  name: 'durability',
  purpose:
    'The same build in turn: as it is, with PostgreSQL’s synchronous_commit off (a crash of PostgreSQL\n' +
    'loses the last 600 ms), and with LOSE_ACCEPTED_PAYMENTS_ON_CRASH (a crash of Pit loses what waits\n' +
    'for its commit). Accepting at a steady rate by one Pit as in bench:accept, and the load of the\n' +
    'challenge on the whole layout as in bench:challenge, both inside the shares of\n' +
    'docker-compose.yml, beside the floor.',
  runs: 5,
  flags: {
    load: oneOf(['accept', 'challenge', 'both'], 'which of the loads'),
    seconds: whole({ fallback: 20, min: 1, max: 3600, meaning: 'accepting, s' }),
    warmupSeconds: whole({ fallback: 10, min: 0, max: 600, meaning: 'accepting before it, s' }),
    perSecond: whole({ fallback: 500, min: 1, max: 20_000, meaning: 'accepting, payments/s' }),
    cpus: decimal({ fallback: 0.4, min: 0.05, max: 64, meaning: 'accepting, CPUs of the Pit' }),
    challengeSeconds: whole({ fallback: 60, min: 5, max: 3600, meaning: 'challenge, s' }),
    users: whole({ fallback: 550, min: 1, max: 5000, meaning: 'challenge, users at the end' }),
  },
  variants: (options) => [
    ...(options.load === 'challenge' ? [] : accepting(options)),
    ...(options.load === 'accept' ? [] : challenged(options)),
  ],
})

function accepting(options: Options): readonly Variant[] {
  const { seconds, warmupSeconds, perSecond, cpus } = options
  const shares = sharesFor('compose', { pitCpus: cpus })
  const load = { seconds, warmupSeconds, perSecond, connections: 1 }
  const at = `${perSecond}/s inside ${cpus} CPU`
  return [
    { name: `floor, ${at}`, measure: () => measureAccepting(() => openFloor(shares), load) },
    ...Object.entries(DURABILITIES).map(([name, durability]) => {
      const open = (): ReturnType<typeof openPit> => openPit(shares, durability)
      return { name: `${name}, ${at}`, measure: () => measureAccepting(open, load) }
    }),
  ]
}

function challenged({ challengeSeconds: seconds, users }: Options): readonly Variant[] {
  const stages = findSchedule('challenge')
  const load = { seconds, users, stages, weight: 'light' } as const
  return [
    { name: 'floor, challenge', measure: () => measureChallengeFloor(load) },
    ...Object.entries(DURABILITIES).map(([name, durability]): Variant => {
      const layout = { ...durability, limits: sharesFor('compose') }
      return {
        name: `${name}, challenge`,
        measure: (note) => measureChallenge(load, layout, note),
      }
    }),
  ]
}
