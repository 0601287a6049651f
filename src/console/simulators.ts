// The panel of the dev stack: a payment that is sent by a click, and faults of the simulators that
// are switched on and off; only a dev stack adds it.

import type { WebApp } from '../server/web-server.ts'
import type { ProcessorName } from '../actors/model/payment.ts'
import { json, problem, type Reply } from '../http/problem.ts'
import type { Access } from './access.ts'
import { addChange } from './changes.ts'
import type { OnBug } from './contained.ts'
import { route } from './pages.ts'

export interface DevStackPanel {
  readonly simulators: Readonly<Record<ProcessorName, BreakableSimulator>>
  readonly sendPayment: SendPayment
}

/** Sends a payment to this Pit as a client does; rejects when it got no answer. */
export type SendPayment = () => Promise<{
  readonly correlationId: string
  readonly status: number
}>

export interface BreakableSimulator {
  switched(): {
    readonly delayMs: number
    readonly failure: boolean
    readonly faults: { readonly charge: readonly unknown[] }
  }
  setDelay(delayMs: number): void
  setFailure(failure: boolean): void
  setFaults(faults: { readonly charge?: readonly HangUp[] }): void
}

interface HangUp {
  readonly kind: 'resetAfterRecord'
  readonly share: number
}

const SLOW_MS = 2_000
const HANG_UP: HangUp = { kind: 'resetAfterRecord', share: 0.5 }

interface Breakage {
  /** Goes on "the processor …". */
  readonly title: string
  isOn(simulator: BreakableSimulator): boolean
  turn(simulator: BreakableSimulator, state: 'on' | 'off'): void
}

export type BreakageKey = 'failing' | 'slow' | 'silent'

/** What a click breaks. Whatever a curl has switched on counts, and a click takes it off. */
export const BREAKAGES: Readonly<Record<BreakageKey, Breakage>> = {
  failing: {
    title: 'answers 500',
    isOn: (simulator) => simulator.switched().failure,
    turn: (simulator, state) => simulator.setFailure(state === 'on'),
  },
  slow: {
    title: `takes ${SLOW_MS / 1000} s`,
    isOn: (simulator) => simulator.switched().delayMs > 0,
    turn: (simulator, state) => simulator.setDelay(state === 'on' ? SLOW_MS : 0),
  },
  silent: {
    title: 'records, and hangs up on half',
    isOn: (simulator) => simulator.switched().faults.charge.length > 0,
    turn: (simulator, state) => simulator.setFaults(state === 'on' ? { charge: [HANG_UP] } : {}),
  },
}

export interface PanelOptions {
  readonly access: Access
  readonly onBug: OnBug
}

export function addPanelRoutes(app: WebApp, panel: DevStackPanel, options: PanelOptions): void {
  const path = '/console/simulators'
  route(app, { ...options, path, read: () => shown(panel) })
  addChange(app, {
    ...options,
    path: `${path}/:name/:breakage/:state`,
    act: ({ parameters: [name, breakage, state] }) => turn(panel, { name, breakage, state }),
  })
  addChange(app, {
    ...options,
    path: '/console/test-payment',
    act: () => panel.sendPayment().then((sent) => json(JSON.stringify(sent)), unanswered),
  })
}

const NAMES = ['default', 'fallback'] as const

function shown({ simulators }: DevStackPanel): Reply {
  const processors = NAMES.map((name) => ({
    name,
    breakages: Object.entries(BREAKAGES).map(([key, breakage]) => ({
      key,
      title: breakage.title,
      state: breakage.isOn(simulators[name]) ? 'on' : 'off',
    })),
  }))
  return json(JSON.stringify({ processors }))
}

/** Undefined for what there is not. */
function turn(
  panel: DevStackPanel,
  asked: Readonly<Record<'name' | 'breakage' | 'state', string | undefined>>,
): Reply | undefined {
  const name = NAMES.find((each) => each === asked.name)
  const breakage = Object.entries(BREAKAGES).find(([key]) => key === asked.breakage)?.[1]
  const state = (['on', 'off'] as const).find((each) => each === asked.state)
  if (name === undefined || breakage === undefined || state === undefined) return undefined
  breakage.turn(panel.simulators[name], state)
  return shown(panel)
}

function unanswered(): Reply {
  return problem({ status: 503, detail: 'Pit did not answer the payment in time.' })
}
