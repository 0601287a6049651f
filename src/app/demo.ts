// The demo: a trickle of payments, sent as clients send them, and now and then a simulator of the
// dev stack that breaks for a while. The terminal has a line for each.

import type { ProcessorName } from '../actors/model/payment.ts'
import type { Clock } from '../actors/model/ports.ts'
import type { Config } from '../config/config.ts'
import { BREAKAGES, type BreakageKey, type DevStackPanel } from '../console/simulators.ts'
import type { Tell } from './dev-stack.ts'

/** From one payment to the next, ms. */
const PAYMENT_MS = 300

/** Payments without an answer beyond which none is sent. */
const UNANSWERED_MAX = 10

/** How long both processors are well, and then one is broken, ms. */
const WELL_MS = 15_000
const BROKEN_MS = 10_000

/** What breaks, one after the other, then again from the first. */
const PLAN: Plan = [
  ['default', 'failing'],
  ['default', 'slow'],
  ['fallback', 'failing'],
  ['default', 'silent'],
]

type Step = readonly [ProcessorName, BreakageKey]
type Plan = readonly [...Step[], Step]

/** Why there can be no demo: one sentence; undefined when there can. */
export function whyNoDemo({ listen, processorDefaultUrl }: Config): string | undefined {
  if (processorDefaultUrl !== undefined) {
    return '--demo breaks processors, so it is for simulators only: unset PROCESSOR_DEFAULT_URL and PROCESSOR_FALLBACK_URL'
  }
  return 'socket' in listen ? '--demo sends payments to PORT, and LISTEN_SOCKET is set' : undefined
}

export interface DemoOptions extends DevStackPanel {
  readonly clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>
  readonly tell: Tell
}

/** Runs until it is stopped; what is broken then is mended. */
export function startDemo(options: DemoOptions): () => void {
  const { clock, tell, simulators } = options
  const say = (what: string): void => tell(`demo: ${what}`)
  const rate = Math.round(1000 / PAYMENT_MS)
  const cycle = `every ${(WELL_MS + BROKEN_MS) / 1000} s a processor breaks for ${BROKEN_MS / 1000} s`
  say(`${rate} payments a second, and ${cycle}`)
  const stopTrickle = startTrickle(options, say)
  let plan = PLAN
  let mend: (() => void) | undefined
  const next = (): void => {
    if (mend === undefined) mend = breakNext()
    else {
      mend()
      mend = undefined
    }
    timer = clock.setTimeout(next, mend === undefined ? WELL_MS : BROKEN_MS)
  }
  const breakNext = (): (() => void) => {
    const [step, ...rest] = plan
    plan = [...rest, step]
    const [name, key] = step
    const breakage = BREAKAGES[key]
    breakage.turn(simulators[name], 'on')
    say(`the ${name} processor ${breakage.title} from now on`)
    return () => {
      breakage.turn(simulators[name], 'off')
      say(`the ${name} processor is well again`)
    }
  }
  let timer = clock.setTimeout(next, WELL_MS)
  return () => {
    stopTrickle()
    clock.clearTimeout(timer)
    mend?.()
  }
}

/** Says once that payments are not accepted, and once that they are again. */
function startTrickle(
  { clock, sendPayment }: DemoOptions,
  say: (what: string) => void,
): () => void {
  let unanswered = 0
  let trouble: string | undefined
  let isStopped = false
  const hear = (heard: string | undefined): void => {
    unanswered -= 1
    if (heard === trouble || isStopped) return
    trouble = heard
    say(heard === undefined ? 'payments are accepted again' : `a payment was ${heard}`)
  }
  const send = (): void => {
    timer = clock.setTimeout(send, PAYMENT_MS)
    if (unanswered >= UNANSWERED_MAX) return
    unanswered += 1
    // Both ways end in a word at most.
    void sendPayment().then(
      ({ status }) => hear(status === 202 ? undefined : `answered ${status}`),
      () => hear('not answered'),
    )
  }
  let timer = clock.setTimeout(send, PAYMENT_MS)
  return () => {
    isStopped = true
    clock.clearTimeout(timer)
  }
}
