// Faults in following operators' orders: each kind of them is given while nothing else goes wrong.

import type { Hold, Orders } from '../../../src/actors/model/operator.ts'
import type { Ledger } from '../../../src/actors/model/ports.ts'
import type { Planted } from '../instance.ts'
import type { PlantedFaults } from './planted.ts'
import { ordersInTurn } from './plans.ts'

export const ORDER_FAULTS: PlantedFaults = {
  'a pause that one instance never reads': { rule: 'ordersFollowed', plant: pauseUnread },
  'a resume that an instance does not obey': { rule: 'ordersFollowed', plant: resumeIgnored },
  'a hold that does not end': { rule: 'holdsEnd', plant: holdWithoutEnd },
  'a hold that ends too early': { rule: 'ordersFollowed', plant: holdCutShort },
  'a circuit held closed that opens': { rule: 'ordersFollowed', plant: heldClosedThatOpens },
  'a pause that is obeyed later than it is read': {
    rule: 'heldOpenGetsNothing',
    plant: pauseObeyedLate,
  },
  'a drain that is read and not obeyed': { rule: 'stopsInTime', plant: drainIgnored },
  'an order that is not answered': { rule: 'ordersFollowed', plant: orderUnanswered },
}

/** The second instance of a simulation never sees that there is another command. */
function pauseUnread(): Planted {
  let instances = 0
  return {
    plan: ordersInTurn('pause'),
    ledger(ledger) {
      instances += 1
      if (instances !== 2) return ledger
      return {
        ...ledger,
        takeOver: async (request) => ({ ...(await ledger.takeOver(request)), commands: 0 }),
      }
    },
  }
}

/** What was held once stays so. */
function resumeIgnored(): Planted {
  return {
    plan: ordersInTurn('pause'),
    ledger(ledger) {
      let before: readonly Hold[] = []
      return reading(ledger, (orders) => {
        before = orders.holds.length === 0 ? before : orders.holds
        return { ...orders, holds: before }
      })
    },
  }
}

function holdWithoutEnd(): Planted {
  return {
    plan: ordersInTurn('holdOpen'),
    ledger: (ledger) => holding(ledger, (hold) => ({ ...hold, endsInMs: null })),
  }
}

function holdCutShort(): Planted {
  return {
    plan: ordersInTurn('holdClosed'),
    ledger: (ledger) => holding(ledger, (hold) => ({ ...hold, endsInMs: 20 })),
  }
}

function heldClosedThatOpens(): Planted {
  return {
    plan: ordersInTurn('holdClosed'),
    ledger: (ledger) => holding(ledger, (hold) => ({ ...hold, to: 'open' })),
  }
}

/** Soon enough for an order, but not for charges that are sent meanwhile. */
const LATE_MS = 350

function pauseObeyedLate(): Planted {
  return {
    plan: ordersInTurn('pause'),
    parts(parts) {
      const { ledger, clock } = parts.ports
      const readOrders: Ledger['readOrders'] = async (request) => {
        const orders = await ledger.readOrders(request)
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, LATE_MS))
        return orders
      }
      return { ...parts, ports: { ...parts.ports, ledger: { ...ledger, readOrders } } }
    },
  }
}

function drainIgnored(): Planted {
  return {
    plan: ordersInTurn('drain'),
    ledger: (ledger) => reading(ledger, (orders) => ({ ...orders, pending: [] })),
  }
}

function orderUnanswered(): Planted {
  return {
    plan: ordersInTurn('pause'),
    ledger: (ledger) => ({ ...ledger, noteMet: () => Promise.resolve() }),
  }
}

function reading(ledger: Ledger, change: (orders: Orders) => Orders): Ledger {
  return {
    ...ledger,
    readOrders: async (request) => change(await ledger.readOrders(request)),
  }
}

function holding(ledger: Ledger, change: (hold: Hold) => Hold): Ledger {
  return reading(ledger, (orders) => ({ ...orders, holds: orders.holds.map(change) }))
}
