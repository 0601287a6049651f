// Bugs that end the process, as a spec sees them without ending.

/** What `act` throws where nothing can catch it, in an order of its own. */
export function crashesOf(act: () => void): readonly unknown[] {
  const later: (() => void)[] = []
  const real = globalThis.queueMicrotask
  globalThis.queueMicrotask = (callback) => void later.push(callback)
  try {
    act()
  } finally {
    globalThis.queueMicrotask = real
  }
  return later.map((callback) => {
    try {
      callback()
    } catch (bug) {
      return bug
    }
    return new Error('a microtask that throws nothing')
  })
}
