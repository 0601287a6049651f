// Controls of one processor on standing time: a spec answers in the place of processor and ledger.

import assert from 'node:assert'
import type { LookUpAnswer } from '../../../src/actors/model/ports.ts'
import type { ControlAnswer } from '../../../src/actors/payment/control-search.ts'
import {
  CONTROL_PAUSE_MS,
  Controls,
  type AbsenceProof,
} from '../../../src/actors/payment/controls.ts'
import { StandingTime } from '../../support/standing-time.ts'

const LAG_MS = 100
/** How long look-ups prove nothing after an answer about another payment. */
export const MIXED_UP_MS = 3000
/** Age from which every look-up has a payment: the lag, and what a clock may drift. */
export const OLD_MS = 105
const BOUNDS = { lookUpLagMs: LAG_MS, mixedUpMs: MIXED_UP_MS }
export const FOUND = {
  kind: 'found',
  requestedAt: 1,
  amountCents: 1,
} as const satisfies LookUpAnswer

export interface Scene {
  readonly clock: StandingTime
  readonly controls: Controls
  /** Ids of controls of which it was told that they were not found. */
  readonly told: string[]
  /** What controls were answered that says nothing. */
  readonly failed: string[]
  /** Which of the payments that a control may ask for it takes, 0 (oldest) to 1. */
  readonly choice: { value: number }
  /** Ids of the controls that were asked and not answered yet. */
  readonly asked: string[]
  /** Answers the oldest control. */
  answer(answer: LookUpAnswer): void
  /** Questions to the ledger that were not answered yet. */
  readonly questions: ((answer: ControlAnswer) => void)[]
  /** Answers the oldest question. */
  tell(answer: ControlAnswer): void
  /** What a look-up is backed by that is asked and finds nothing now; empty until it is known. */
  missing(): AbsenceProof[]
  /** A look-up begins; whether it may be asked by now. */
  begin(): { begun: boolean }
}

export function setScene(known: 'known' | 'unknown' = 'known'): Scene {
  const clock = new StandingTime()
  const asked: string[] = []
  const replies: ((answer: LookUpAnswer) => void)[] = []
  const processor = {
    lookUp: (id: string, reply: (answer: LookUpAnswer) => void) => {
      asked.push(id)
      replies.push(reply)
    },
  }
  const questions: ((answer: ControlAnswer) => void)[] = []
  const askLedger = (reply: (answer: ControlAnswer) => void): void => void questions.push(reply)
  const told: string[] = []
  const onMissing = (id: string): void => void told.push(id)
  const failed: string[] = []
  const onFailed = (id: string, detail: string): void => void failed.push(`${id}: ${detail}`)
  const tells = { askLedger, onMissing, onFailed }
  const choice = { value: 0.99 }
  const random = (): number => choice.value
  const controls = new Controls({ processor, clock, random, ...BOUNDS, ...tells })
  if (known === 'known') {
    controls.noteRecorded('first', clock.now())
    clock.increment(OLD_MS)
  }
  const shown = { clock, controls, told, failed, choice, asked }
  return {
    ...shown,
    answer(answer) {
      asked.shift()
      replies.shift()?.(answer)
    },
    questions,
    tell: (answer) => questions.shift()?.(answer),
    missing() {
      const proofs: AbsenceProof[] = []
      controls.judge(clock.now(), (proof) => proofs.push(proof))
      return proofs
    },
    begin() {
      const state = { begun: false }
      controls.beforeLookUp(() => {
        assert(!state.begun, 'a look-up begins once')
        state.begun = true
      })
      return state
    },
  }
}

/** A control has been found, a while ago. */
export function controlled(): Scene {
  const scene = setScene()
  scene.begin()
  scene.answer(FOUND)
  scene.clock.increment(CONTROL_PAUSE_MS)
  return scene
}
