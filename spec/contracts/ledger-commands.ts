// What every ledger does with operators' commands.

import type { Test } from 'tap'
import type { NewCommand, Order } from '../../src/actors/model/operator.ts'
import type { MakeLedger } from './ledger.ts'
import { acceptMany, lease } from './ledger-words.ts'

const PAUSE = { kind: 'pause', processor: 'default' } as const
const HOLD = { kind: 'hold', processor: 'fallback', to: 'closed', forMs: 60_000 } as const

function command(order: Order, more: Partial<NewCommand> = {}): NewCommand {
  return { order, by: 'ana', via: 'cli', reason: 'it is late', ...more }
}

/** As an instance reads that has just started. */
const NEW = { instanceId: 'new', after: 0 }

export function commandsContract(t: Test, makeLedger: MakeLedger): void {
  t.test('a command is a row with who, why and when, and a purge spares it', async (t) => {
    const { first, second } = await makeLedger()
    const { leaseId } = await lease(first)
    t.strictSame(await first.readOrders(NEW), { last: 0, holds: [], pending: [] })

    const given = await first.giveCommand(command(HOLD, { via: 'console', by: 'bo' }))
    await acceptMany(first, { leaseId, count: 1 })
    await first.purge()
    const later = await second.giveCommand(command(PAUSE))

    t.ok(later.id > given.id)
    t.ok(given.until !== null && Math.abs(given.until - given.at - HOLD.forMs) < 1)
    t.match(given, {
      by: 'bo',
      via: 'console',
      kind: 'hold',
      payload: { processor: 'fallback', to: 'closed', forMs: 60_000 },
      reason: 'it is late',
      awaited: ['a'],
      result: {},
      doneAt: null,
    })
    t.strictSame(await second.listCommands({ limit: 5 }), [later, given])
    t.strictSame(await second.listCommands({ limit: 1 }), [later])
    t.strictSame(await second.listCommands({ limit: 5, before: later.id }), [given])
  })

  t.test('the last command about a processor stands, until its time or a resume', async (t) => {
    const { first, passTime } = await makeLedger()
    const holds = async () => (await first.readOrders(NEW)).holds
    const { id: paused } = await first.giveCommand(command(PAUSE))
    const { id: held } = await first.giveCommand(command(HOLD))

    const [one, other] = await holds()
    t.match(one, { ...PAUSE, command: paused, to: 'open', by: 'ana', endsInMs: null })
    t.match(other, { processor: 'fallback', command: held, kind: 'hold', to: 'closed' })
    t.ok((other?.endsInMs ?? 0) > 0 && (other?.endsInMs ?? 0) <= HOLD.forMs)

    await passTime(HOLD.forMs)
    t.match(await holds(), [{ command: paused }], 'the hold has ended by itself')
    await first.giveCommand(command({ kind: 'resume', processor: 'fallback' }))
    t.match(await holds(), [{ command: paused }], 'the other one is still paused')
    await first.giveCommand(command({ kind: 'resume', processor: 'default' }))
    t.strictSame(await holds(), [])
  })

  t.test('a clock that is set back makes no hold longer than it was given for', async (t) => {
    const { first, stepClock } = await makeLedger()
    await first.giveCommand({ order: HOLD, by: 'ana', via: 'cli', reason: 'a trial' })

    await stepClock(-3_600_000)

    const [hold] = (await first.readOrders(NEW)).holds
    t.ok((hold?.endsInMs ?? Infinity) <= HOLD.forMs, `${hold?.endsInMs} ms`)
  })

  t.test('each instance that lived answers a command, and the last one ends it', async (t) => {
    const { first, second } = await makeLedger()
    await lease(first, 'a')
    await lease(second, 'b')
    await lease(second, 'b')
    const { id, awaited } = await first.giveCommand(command(PAUSE))
    t.same(awaited, ['a', 'b'])
    const pendingOf = async (instanceId: string, after = 0) =>
      (await first.readOrders({ instanceId, after })).pending
    const about = { processor: 'default', heldTo: null, correlationId: null }
    const pending = { id, kind: 'pause', ...about, by: 'ana', reason: 'it is late' }
    t.strictSame(await pendingOf('a'), [pending])
    t.strictSame(await pendingOf('a', id), [], 'what came before its start is not for it')
    t.strictSame(await pendingOf('c'), [])

    await first.noteMet({ id, instanceId: 'a', met: { circuit: 'closed' } })

    t.strictSame(await pendingOf('a'), [])
    t.strictSame(await pendingOf('b'), [pending])
    const [half] = await first.listCommands({ limit: 1 })
    t.match(half, { result: { a: { circuit: 'closed' } }, doneAt: null })
    await second.noteMet({ id, instanceId: 'b', met: {} })
    const [done] = await first.listCommands({ limit: 1 })
    t.match(done, { result: { a: {}, b: {} }, doneAt: Number })
  })

  t.test('a drain is for one instance', async (t) => {
    const { first, second } = await makeLedger()
    await lease(first, 'a')
    await lease(second, 'b')
    const { id, awaited } = await first.giveCommand(command({ kind: 'drain', instanceId: 'b' }))

    t.same(awaited, ['b'])
    t.same((await first.readOrders({ instanceId: 'a', after: 0 })).pending, [])
    t.match((await second.readOrders({ instanceId: 'b', after: 0 })).pending, [
      { id, kind: 'drain', processor: null },
    ])
  })

  t.test('a drain of an instance that nobody knows is refused, with those that live', async (t) => {
    const { first, second } = await makeLedger()
    const drain = (instanceId: string) => first.giveCommand(command({ kind: 'drain', instanceId }))
    t.match(await drain('c'), { awaited: ['c'] }, 'where none is known it is believed')
    await lease(first, 'a')
    const { leaseId } = await lease(second, 'b')

    const why = { code: 'no_such_instance', known: ['a', 'b'] }
    await t.rejects(drain('c'), { ...why, message: 'No instance is called c: a, b are known.' })
    await second.releaseLease(leaseId)
    await t.rejects(drain('b'), { message: 'No instance is called b: a is known.' }, 'it has gone')
    t.match(await drain('a'), { awaited: ['a'] })
    t.equal((await first.listCommands({ limit: 5 })).length, 2, 'what is refused is no row')
  })

  t.test('each look for the dead tells the last command', async (t) => {
    const { first } = await makeLedger()
    const { leaseId } = await lease(first)
    const lastSeen = async () => {
      const request = { leaseId, limit: 1, settleByMs: 1_000, expired: [] }
      return (await first.takeOver(request)).commands
    }

    t.equal(await lastSeen(), 0)
    const { id } = await first.giveCommand(command(PAUSE))
    t.equal(await lastSeen(), id)
  })
  t.end()
}
