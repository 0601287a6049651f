// Simulated clients: they post, give up, ask again, post twice and contradict themselves.

import type { Instance } from './instance.ts'
import type { AcceptAnswer } from '../../src/actors/messages.ts'
import type { Chance } from './chance.ts'
import { short } from './observer.ts'
import type { PlannedPayment } from './plan.ts'
import { correlationIdOf } from './postings.ts'
import type { World } from './world.ts'

/** When a client gives up waiting, ms. */
const CLIENT_TIMEOUT_MS = 1500

/** Before and after what was sent earlier can have landed, ms. */
const REPOSTED_WITHIN_MS = 9000

/** Tries of a client that insists. */
const TRIES_MAX = 8

interface Request {
  readonly correlationId: string
  readonly amountCents: number
  readonly triesLeft: number
}

export class Clients {
  readonly #world: World
  readonly #chance: Chance
  /** Requests that are to be posted, or wait for their answer. */
  #underway = 0

  constructor(world: World) {
    this.#world = world
    this.#chance = world.chance.branch(3)
    world.onLost = (ids) => this.postLost(ids)
  }

  get underway(): number {
    return this.#underway
  }

  plan(payments: readonly PlannedPayment[]): void {
    for (const { at, number, amountCents, insists, again } of payments) {
      const correlationId = correlationIdOf(number)
      const triesLeft = insists ? TRIES_MAX : 1
      this.#postAfter(at, { correlationId, amountCents, triesLeft })
      for (const other of again) {
        const request = { correlationId, amountCents: other.amountCents, triesLeft }
        this.#postAfter(at + other.afterMs, request)
      }
    }
  }

  /** Some of those whose payments are lost post them again, a few of them with another amount. */
  postLost(correlationIds: readonly string[]): void {
    const chance = this.#world.chance.branch(6)
    for (const correlationId of correlationIds) {
      const [amountCents] = this.#world.postings.byId.get(correlationId)?.amounts ?? []
      if (amountCents === undefined || chance.happens(0.3)) continue
      const other = chance.happens(0.1) ? 1 : 0
      const request = { correlationId, amountCents: amountCents + other, triesLeft: TRIES_MAX }
      this.#postAfter(chance.between([0, REPOSTED_WITHIN_MS]), request)
    }
  }

  #postAfter(delayMs: number, request: Request): void {
    this.#underway += 1
    this.#world.virtualTime.after(delayMs, () => this.#post(request))
  }

  #post(request: Request): void {
    const { places, postings, trace, observer, virtualTime, ledgerStore } = this.#world
    const postedAt = virtualTime.now()
    const { correlationId, amountCents, triesLeft } = request
    const place = this.#chance.below(places.length)
    const posting = postings.post(correlationId, amountCents)
    let isOver = false
    const giveUp = (): void => {
      if (isOver) return
      isOver = true
      this.#underway -= 1
      if (triesLeft <= 1) return
      const pauseMs = this.#chance.between([20, 600])
      this.#postAfter(pauseMs, { ...request, triesLeft: triesLeft - 1 })
    }
    const take = (answer: AcceptAnswer, { gate }: Instance): void => {
      if (isOver) return
      trace.note('client', `${short(correlationId)} ${amountCents} ${answer}`)
      const now = virtualTime.now()
      const fault = postings.answered(posting, {
        amountCents,
        answer,
        postedAt,
        now,
        isInLedger: ledgerStore.rows.get(correlationId)?.amountCents === amountCents,
        caughtUpAt: gate.caughtUpAt,
      })
      if (fault !== null) observer.fail('truthfulAnswers', `${correlationId} ${fault}`)
      if (answer === 'unavailable') return giveUp()
      isOver = true
      this.#underway -= 1
    }
    virtualTime.after(this.#travelMs(), () => {
      const instance = this.#world.at(place)
      if (instance.gate.state === 'dead') {
        virtualTime.after(this.#travelMs(), giveUp)
        return
      }
      instance.send({
        type: 'payment.received',
        correlationId,
        amountCents,
        replyTo: (answer) => virtualTime.after(this.#travelMs(), () => take(answer, instance)),
      })
    })
    virtualTime.after(CLIENT_TIMEOUT_MS, giveUp)
  }

  #travelMs(): number {
    return this.#chance.between([0.05, 1])
  }
}
