// What a bug below the batchers ends: persistence, and with it the supervisor, or the process.

import { spawnSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { GIVE_UP_MS } from '../../../bench/layout/wait.ts'
import { projectFile } from '../../../src/infra/process/project-file.ts'
import { persistenceLogic } from '../../../src/actors/persistence/persistence.ts'
import { startActorSystem, BESIDE_PERSISTENCE, settled } from '../../support/actor-system.ts'

const ACCEPTS = { batchMax: 10, windowMs: 0, commitsMax: 500, pendingMax: 10 }
const OUTCOMES = { batchMax: 10, windowMs: 20, congestedAt: 40 }

t.test(
  'an accept without a result fails persistence, and no client is told of a conflict',
  async (t) => {
    const system = startActorSystem(BESIDE_PERSISTENCE)
    const { ports } = system
    const input = { ports, accepts: ACCEPTS, outcomes: OUTCOMES, answersWhen: 'committed' as const }
    const persistence = system.start(persistenceLogic, input)
    const failures: unknown[] = []
    persistence.subscribe({ error: (error) => failures.push(error) })
    const answers: string[] = []
    const payment = { correlationId: 'a', amountCents: 1990 }

    const replyTo = (answer: string): void => void answers.push(answer)
    system.tell('acceptBatcher', { type: 'payment.received', ...payment, replyTo })
    ;(await system.ledger.called('accept')).answer({ results: [], purges: 0 })
    await settled()

    t.equal(persistence.getSnapshot().status, 'error')
    t.match(String(failures[0]), 'the ledger answers each payment of a batch')
    t.same(answers, [])
  },
)

for (const [operation, address, event, port = 'ledger'] of [
  ['accept', 'acceptBatcher', { type: 'payment.received', correlationId: 'a', amountCents: 1 }],
  ['record', 'outcomeBatcher', { type: 'outcome.reached', outcome: { kind: 'rejected' } }],
  ['findControl', 'persistence', { type: 'control.requested', processor: 'default' }],
  ['read', 'persistence', { type: 'summary.requested', window: {} }, 'settledSet'],
] as const) {
  t.test(`a bug in the ${port}'s ${operation} ends the process`, async (t) => {
    const { status, stderr } = runProgram(`
      const broken = { ${operation}: async () => { throw new TypeError('a planted bug') } }
      const ports = {
        ledger: {},
        lease: { id: 1, holds: () => true },
        clock: { now: () => 0, setTimeout, clearTimeout },
        telemetry: { emit() {} },
        settledSet: {},
        ${port}: broken,
      }
      const input = {
        ports,
        accepts: ${JSON.stringify(ACCEPTS)},
        outcomes: ${JSON.stringify({ ...OUTCOMES, batchMax: 1 })},
        answersWhen: 'committed',
      }
      const persistence = createActor(persistenceLogic, { input, systemId: 'persistence' })
      persistence.start()
      persistence.system.get('${address}').send(${JSON.stringify(event)})
    `)

    t.equal(status, 1)
    t.match(stderr, 'TypeError: a planted bug')
  })
}

/** A program that goes on until it is killed then, or ends well, has swallowed the bug. */
function runProgram(body: string): { readonly status: number | null; readonly stderr: string } {
  const built = pathToFileURL(projectFile('dist/actors/persistence/persistence.js')).href
  const program = `
    import { createActor } from 'xstate'
    import { persistenceLogic } from ${JSON.stringify(built)}
    ${body}`
  const args = ['--input-type=module', '--eval', program]
  const options = { cwd: projectFile('.'), encoding: 'utf8', timeout: GIVE_UP_MS } as const
  return spawnSync(process.execPath, args, options)
}
