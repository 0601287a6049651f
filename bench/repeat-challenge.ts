// npm run bench:challenge: the challenge's load several times on the limited layout, and the same
// users at a server that only answers 202.

import { findSchedule } from './challenge/stages.ts'
import { WEIGHT_NAMES } from './load/weight.ts'
import {
  measureChallenge,
  measureChallengeFloor,
  measureCommitFloor,
} from './measure/challenge-load.ts'
import { runBench } from './measure/command.ts'
import { oneOf, text, whole } from './measure/flags.ts'
import { sharesFor } from './measure/world.ts'

await runBench({
  name: 'challenge',
  purpose:
    'The load of the challenge against the whole layout, started afresh for each run, and beside it the\n' +
    'same users at a server that does nothing but answer 202, without limits: the floor; and at nginx,\n' +
    'PostgreSQL and two servers that commit one plain insert and answer 202, in the shares of the two\n' +
    'Pits: the floor with a commit. The start is a cold one: start seconds are of the whole layout,\n' +
    'with the initdb seconds that its database takes to be made within its own share, and with both\n' +
    'simulators.',
  runs: 5,
  flags: {
    seconds: whole({ fallback: 60, min: 5, max: 3600, meaning: 'length of the load, s' }),
    users: whole({ fallback: 550, min: 1, max: 5000, meaning: 'users at the end of the ramp' }),
    stages: text('NAME|FILE', 'schedule of the processors, as for npm run challenge'),
    weight: oneOf(WEIGHT_NAMES, "of the generator: next to nothing, or the contest's"),
    limits: oneOf(['compose', 'none'], 'shares of docker-compose.yml, or none'),
  },
  variants: ({ limits, stages, ...rest }) => {
    const load = { ...rest, stages: findSchedule(stages === '' ? 'challenge' : stages) }
    const named = limits === 'none' ? 'no limits' : 'limits'
    const shares = { limits: sharesFor(limits) }
    return [
      { name: 'floor', measure: () => measureChallengeFloor(load) },
      { name: `floor with a commit, ${named}`, measure: () => measureCommitFloor(load, shares) },
      { name: `Pit, ${named}`, measure: (note) => measureChallenge(load, shares, note) },
    ]
  },
})
