// npm run bench:challenge: the challenge's load several times on the limited layout, by Pit's own
// generator or by a judge, and the same users at floors.

import { CHALLENGE_FLAGS, challengeVariants } from './measure/challenge-variants.ts'
import { runBench } from './measure/command.ts'

await runBench({
  name: 'challenge',
  purpose:
    'The load of the challenge against the whole layout, started afresh for each run, and beside it the\n' +
    'same users at a server that does nothing but answer 202, without limits: the floor; and at nginx,\n' +
    'PostgreSQL and two servers that commit one plain insert and answer 202, in the shares of the two\n' +
    'Pits: the floor with a commit. The start is a cold one: start seconds are of the whole layout,\n' +
    'with the initdb seconds that its database takes to be made within its own share, and with both\n' +
    'simulators.\n\n' +
    'With --judge a program of others measures Pit and the floor with a commit: it brings users and\n' +
    'processors along, needs ports 9999, 8001 and 8002, and its figures stand beside what each\n' +
    'service used during its load.',
  runs: 5,
  flags: CHALLENGE_FLAGS,
  variants: challengeVariants,
})
