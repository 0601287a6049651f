import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { and, assign, createMachine, fromPromise, not, or, setup, stateIn } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { updatePage } from '../../scripts/chart-page.ts'
import { drawChart } from '../../scripts/draw-chart.ts'

/** Everything that a flat chart can show. */
const flat = setup({
  types: { context: {} as { tries: number } },
  guards: { hasCapacity: () => true, isBelow: (_args, _params: { limit: number }) => true },
  delays: { retryBackoff: 100 },
  actions: { count: assign({ tries: 1 }) },
}).createMachine({
  id: 'flat',
  context: { tries: 0 },
  initial: 'pending',
  on: { 'drain.requested': { target: '.end' }, 'status.requested': { actions: 'count' } },
  states: {
    pending: {
      on: {
        'payment.dispatched': [
          { guard: 'hasCapacity', target: 'trying' },
          { guard: { type: 'isBelow', params: { limit: 3 } }, target: 'waiting' },
          { target: 'end' },
        ],
        'purge.requested': {},
      },
    },
    trying: {
      always: [
        { guard: and(['hasCapacity', not('hasCapacity')]), target: 'end' },
        { guard: or([stateIn('trying'), and(['hasCapacity', () => true])]), target: 'waiting' },
      ],
      on: { '*': 'trying' },
    },
    waiting: { after: { retryBackoff: 'trying', 500: { guard: 'hasCapacity', target: 'end' } } },
    leaving: { on: { 'a.left': 'waiting', 'b.left': 'waiting' }, always: 'end' },
    lonely: {},
    end: { type: 'final' },
  },
})

t.test('a flat chart is drawn in the order in which it is written', async (t) => {
  t.equal(
    drawChart(flat),
    `stateDiagram-v2
  [*] --> pending
  lonely
  state "end" as end_
  state "any state" as anyState
  pending --> trying : payment.dispatched [hasCapacity]
  pending --> waiting : payment.dispatched [isBelow(limit=3)]
  pending --> end_ : payment.dispatched
  pending : purge.requested is ignored
  trying --> trying : any other event
  trying --> end_ : [hasCapacity and not hasCapacity]
  trying --> waiting : [in trying or (hasCapacity and a condition)]
  waiting --> end_ : after 500 ms [hasCapacity]
  waiting --> trying : after retryBackoff
  leaving --> waiting : a.left, b.left
  leaving --> end_ : always
  end_ --> [*]
  anyState --> end_ : drain.requested
  anyState : status.requested`,
  )
})

/** What only the long-lived actors' charts have. */
const deep = createMachine({
  id: 'deep',
  initial: 'starting',
  states: {
    starting: {
      invoke: { id: 'openPools', src: fromPromise(async () => 1), onDone: 'up', onError: 'down' },
    },
    up: {
      type: 'parallel',
      states: {
        left: { initial: 'on', states: { on: { on: { 'left.turned': 'off' } }, off: {} } },
        'right-hand': { on: { 'clock: ticked; #1': { guard: { type: 'isTwelve' } as never } } },
      },
      onDone: 'down',
    },
    down: { initial: 'last', states: { last: {}, before: { type: 'history' } } },
  },
})

t.test('nested and parallel states are drawn inside their parents', async (t) => {
  t.equal(
    drawChart(deep),
    `stateDiagram-v2
  [*] --> starting
  state up {
    state "left" as up_left
    state up_left {
      [*] --> up_left_on
      state "on" as up_left_on
      state "off" as up_left_off
    }
    --
    state "right-hand" as up_right_hand
  }
  state down {
    [*] --> down_last
    state "last" as down_last
    state "before (history)" as down_before
  }
  starting --> up : openPools done
  starting --> down : openPools failed
  up --> down : done
  up_left_on --> up_left_off : left.turned
  up_right_hand : clock ticked 1 [isTwelve] is ignored`,
  )
})

const page = `# Page

<!-- chart:flat -->
old
<!-- /chart:flat -->

text

<!-- chart:gone -->
<!-- /chart:gone -->
`

t.test('a page gets each listed chart between its markers and keeps the rest', async (t) => {
  const once = updatePage(page, [{ name: 'flat', machine: flat as AnyStateMachine }])

  t.same(once.stale, ['flat'])
  t.same(once.unknown, ['gone'])
  t.match(once.text, `<!-- chart:flat -->\n\n\`\`\`mermaid\n${drawChart(flat)}\n\`\`\`\n\n<!-- /`)
  t.match(once.text, '\n\ntext\n\n<!-- chart:gone -->\n<!-- /chart:gone -->\n')
  t.notMatch(once.text, 'old')
})

t.test(
  'a page that is up to date is not changed, and a chart without markers is named',
  async (t) => {
    const listed = [
      { name: 'flat', machine: flat as AnyStateMachine },
      { name: 'deep', machine: deep as AnyStateMachine },
    ]
    const once = updatePage(page, listed)
    const twice = updatePage(once.text, listed)

    t.same(twice.stale, [])
    t.same(twice.missing, ['deep'])
    t.equal(twice.text, once.text)
  },
)

t.test('the script fails and names the charts that a page lacks', async (t) => {
  const folder = t.testdir({ 'page.md': page })
  const file = join(folder, 'page.md')
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['build/scripts/charts.js', '--page', file, ...args], {
      encoding: 'utf8',
      timeout: 60_000,
    })
  const checked = run('--check')

  t.equal(checked.status, 1)
  t.match(checked.stderr, 'gone')
  t.equal(readFileSync(file, 'utf8'), page)
})
