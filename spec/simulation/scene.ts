// One instance whose processors stand behind something that answers in their place.

import type { ChargeAnswer, LookUpAnswer, Processor } from '../../src/actors/model/ports.ts'
import type { PaymentStatus, ProcessorName } from '../../src/actors/model/payment.ts'
import { Chance } from './chance.ts'
import { correlationIdOf } from './postings.ts'
import { drawSettings } from './settings.ts'
import type { PaymentRow } from './ledger-tables.ts'
import { World } from './world.ts'

/** What stands before a processor: undefined lets a call through. */
interface Front {
  charge?(name: ProcessorName, id: string): ChargeAnswer | 'hangs' | 'late' | undefined
  lookUp?(name: ProcessorName, id: string): LookUpAnswer | undefined
  /** In place of what the processor answered to a charge. */
  answer?(name: ProcessorName, answer: ChargeAnswer): ChargeAnswer
}

export interface Scene {
  readonly world: World
  readonly settleByMs: number
  /** What stands before the processors from now on. */
  front: Front
  /** After so long a charge that hangs has timed out, and a late one is answered. */
  timeOutMs: number
  readonly lines: readonly string[]
  /** Posts so many payments, one each 20 ms; their ids. */
  post(count: number): Promise<readonly string[]>
  pass(durationMs: number): Promise<void>
  rows(ids: readonly string[]): readonly (PaymentRow | undefined)[]
  status(id: string): Promise<PaymentStatus | undefined>
}

/** One instance with both processors behind others, at a fifth of the usual lengths. */
export async function setScene(
  waitMaxMs = 1000,
  deadlineMs?: number,
  concurrency = 16,
): Promise<Scene> {
  const lines: string[] = []
  const chance = new Chance(1)
  const drawn = drawSettings(new Chance(3).branch(1))
  const { configured } = drawn
  const route = { ...configured.work.route, waitMaxMs }
  const settleByMs = deadlineMs ?? configured.work.settleByMs
  const bounds = { concurrency, readyMax: 4096, rejectAfterMs: 12_000 }
  const work = { ...configured.work, route, settleByMs, ...bounds }
  const settings = {
    ...drawn,
    lookUpLagMs: 0,
    configured: { ...configured, work: { ...work, confirmingMax: 1024 } },
  }
  let posted = 0
  const timeOut = (then: () => void): void => world.virtualTime.after(scene.timeOutMs, then)
  const world = new World({
    chance,
    settings,
    planted: { processor: (processor) => behind(processor, () => scene.front, timeOut) },
    instances: 1,
    print: (line) => void lines.push(line),
  })
  const pass = (durationMs: number) => world.virtualTime.run(world.virtualTime.now() + durationMs)
  const scene: Scene = {
    world,
    settleByMs: settings.configured.work.settleByMs,
    front: {},
    timeOutMs: drawn.attemptTimeoutMs,
    lines,
    pass,
    async post(count) {
      const ids = Array.from({ length: count }, (_, index) => correlationIdOf(posted + index + 1))
      posted += count
      for (const id of ids) {
        world.postings.post(id, 100)
        const request = { correlationId: id, amountCents: 100, replyTo: () => undefined }
        world.at(0).send({ type: 'payment.received', ...request })
        await pass(20)
      }
      return ids
    },
    rows: (ids) =>
      ids.map((id) => {
        const row = world.ledgerStore.rows.get(id)
        return row === undefined ? undefined : { ...row }
      }),
    async status(correlationId) {
      let status: PaymentStatus | undefined
      world.at(0).send({
        type: 'payment.requested',
        correlationId,
        replyTo: (answer) => {
          if (answer.kind === 'found') status = answer.value
        },
      })
      await pass(50)
      return status
    },
  }
  await pass(50)
  return scene
}

function behind(
  processor: Processor,
  frontNow: () => Front,
  timeOut: (then: () => void) => void,
): Processor {
  const { name } = processor
  // What stands in front needs the time of a call that is asked and thrown away.
  const later = (id: string, then: () => void): void => processor.lookUp(id, then)
  return {
    ...processor,
    charge(charge, reply) {
      const front = frontNow()
      const answer = front.charge?.(name, charge.correlationId)
      if (answer === 'hangs') return timeOut(() => reply({ kind: 'inDoubt', detail: 'timeout' }))
      if (answer === 'late') return processor.charge(charge, (got) => timeOut(() => reply(got)))
      if (answer !== undefined) return later(charge.correlationId, () => reply(answer))
      return processor.charge(charge, (got) => reply(front.answer?.(name, got) ?? got))
    },
    lookUp(id, reply) {
      const answer = frontNow().lookUp?.(name, id)
      if (answer !== undefined) return later(id, () => reply(answer))
      return processor.lookUp(id, reply)
    },
  }
}
