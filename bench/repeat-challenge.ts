// npm run bench:challenge: the challenge's load several times on the limited layout, and the same
// users at a server that only answers 202.

import { measureChallenge, measureChallengeFloor } from './measure/challenge-load.ts'
import { runBench } from './measure/command.ts'
import { oneOf, text, whole } from './measure/flags.ts'
import { sharesFor } from './measure/world.ts'

await runBench({
  name: 'challenge',
  purpose:
    'The load of the challenge against the whole layout, started afresh for each run, and beside it the\n' +
    'same users at a server that does nothing but answer 202, without limits: the floor. The start is\n' +
    'a cold one: start seconds are of the whole layout, with the initdb seconds that its database\n' +
    'takes to be made within its own share, and with both simulators.',
  runs: 5,
  flags: {
    seconds: whole({ fallback: 60, min: 5, max: 3600, meaning: 'length of the load, s' }),
    users: whole({ fallback: 550, min: 1, max: 5000, meaning: 'users at the end of the ramp' }),
    stages: text('NAME|FILE', 'schedule of the processors, as for npm run challenge'),
    limits: oneOf(['compose', 'none'], 'shares of docker-compose.yml, or none'),
  },
  variants: ({ limits, ...load }) => [
    { name: 'floor', measure: () => measureChallengeFloor(load) },
    {
      name: `Pit, ${limits === 'none' ? 'no limits' : 'limits'}`,
      measure: (note) => measureChallenge(load, { limits: sharesFor(limits) }, note),
    },
  ],
})
