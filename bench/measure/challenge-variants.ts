// What `npm run bench:challenge` is asked to measure, and by whom.

import { UsageError } from '../challenge/errors.ts'
import { findSchedule } from '../challenge/stages.ts'
import { readProcessorUrls } from '../layout/options.ts'
import type { LayoutOptions } from '../layout/plan.ts'
import { WEIGHT_NAMES, type WeightName } from '../load/weight.ts'
import { measureChallenge, measureChallengeFloor, measureCommitFloor } from './challenge-load.ts'
import type { Variant } from './command.ts'
import { oneOf, text, whole, type Flag, type Values } from './flags.ts'
import { findJudge } from './judge.ts'
import { judgeCommitFloor, judgePit } from './judged-load.ts'
import { sharesFor } from './world.ts'

/** Empty: light where there is no judge, and beside one not at all. */
const weight: Flag<WeightName | ''> = {
  ...oneOf(
    WEIGHT_NAMES,
    "of Pit's generator: next to nothing, or the contest's; beside --judge both measure",
  ),
  fallback: '',
}

export const CHALLENGE_FLAGS = {
  seconds: whole({ fallback: 60, min: 5, max: 3600, meaning: 'length of the load, s' }),
  users: whole({ fallback: 550, min: 1, max: 5000, meaning: 'users at the end of the ramp' }),
  stages: text('NAME|FILE', 'schedule of the processors, as for npm run challenge'),
  limits: oneOf(['compose', 'none'], 'shares of docker-compose.yml, or none'),
  weight,
  judge: text('PATH', "a judge: folder or judge.sh; it measures instead of Pit's generator"),
  defaultUrl: text('URL', 'default processor of others, instead of the simulator'),
  fallbackUrl: text('URL', 'fallback processor of others; both go together'),
}

/** @throws UsageError */
export function challengeVariants(options: Values<typeof CHALLENGE_FLAGS>): readonly Variant[] {
  const { seconds, users, limits, judge } = options
  const named = limits === 'none' ? 'no limits' : 'limits'
  const stages = findSchedule(options.stages === '' ? 'challenge' : options.stages)
  const load = { seconds, users, stages }
  const layout: LayoutOptions = { limits: sharesFor(limits) }
  const processors = readProcessorUrls({
    default: options.defaultUrl,
    fallback: options.fallbackUrl,
  })
  if (judge === '') {
    const own = { ...load, weight: options.weight === '' ? ('light' as const) : options.weight }
    const beside = processors === undefined ? layout : { ...layout, processors }
    return [
      { name: 'floor', measure: () => measureChallengeFloor(own) },
      { name: `floor with a commit, ${named}`, measure: () => measureCommitFloor(own, layout) },
      { name: `Pit, ${named}`, measure: (note) => measureChallenge(own, beside, note) },
    ]
  }
  if (processors !== undefined) {
    throw new UsageError(
      '--judge brings processors along: --default-url and --fallback-url are not for it',
    )
  }
  const program = findJudge(judge)
  const judged: readonly Variant[] = [
    {
      name: `floor with a commit, ${named}, by the judge`,
      measure: (note) => judgeCommitFloor(program, load, layout, note),
    },
    {
      name: `Pit, ${named}, by the judge`,
      measure: (note) => judgePit(program, load, layout, note),
    },
  ]
  if (options.weight === '') return judged
  const own = { ...load, weight: options.weight }
  const name = `${named}, by Pit's generator`
  return [
    ...judged,
    { name: `floor with a commit, ${name}`, measure: () => measureCommitFloor(own, layout) },
    { name: `Pit, ${name}`, measure: (note) => measureChallenge(own, layout, note) },
  ]
}
