import t from 'tap'
import { createActor, setup } from 'xstate'
import { unlist } from '../../../src/actors/supervisor/xstate-patch.ts'

const brief = setup({ types: { events: {} as { readonly type: 'ended' } } }).createMachine({
  id: 'brief',
  initial: 'living',
  states: { living: { on: { ended: 'gone' } }, gone: { type: 'final' } },
})

/** The keys that XState's system sets in its Maps during `work`. */
function keysSetIn(work: () => void): readonly unknown[] {
  const keys: unknown[] = []
  const set = Reflect.get(Map.prototype, 'set')
  const watched = function (this: unknown, key: unknown, value: unknown): unknown {
    keys.push(key)
    return Reflect.apply(set, this, [key, value])
  }
  Reflect.set(Map.prototype, 'set', watched)
  try {
    work()
  } finally {
    Reflect.set(Map.prototype, 'set', set)
  }
  return keys
}

t.test('actors that come and go are in no Map of a system that lists none', async (t) => {
  const root = createActor(brief)
  const listed = keysSetIn(() => createActor(brief, { parent: root, id: 'payment' }).start())
  t.ok(listed.some((key) => typeof key === 'string' && key.startsWith('x:')))

  unlist(root.system)

  const keys = keysSetIn(() => {
    createActor(brief, { parent: root, id: 'payment' }).start().send({ type: 'ended' })
  })
  t.notOk(keys.some((key) => typeof key === 'string' && key.startsWith('x:')))
})

t.test('a system that lists no actors finds them by their names until they end', async (t) => {
  const root = createActor(brief)
  unlist(root.system)

  const child = createActor(brief, { parent: root, id: 'child', systemId: 'child' }).start()
  t.equal(root.system.get('child'), child)

  child.send({ type: 'ended' })
  t.equal(root.system.get('child'), undefined)
})

t.test('a system that registers no actors is refused', async (t) => {
  t.throws(() => unlist({}), { message: 'system: it registers no actors' })
})
