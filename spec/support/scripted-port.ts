// A port whose calls are recorded, each unanswered until the spec answers it.

/** One call that the port was asked; answer it or fail it once. */
export interface Call {
  readonly name: string
  readonly args: readonly unknown[]
  answer(value: unknown): void
  fail(error: unknown): void
}

export interface ScriptedPort<Port extends object> {
  readonly port: Port
  /** The oldest call of that name that the spec has not taken yet; waits until there is one. */
  called(name: keyof Port & string): Promise<Call>
  /** Names of the calls that the spec has not taken yet. */
  readonly waiting: readonly string[]
}

/** Every method exists and returns a promise that waits for its answer. */
export function scriptedPort<Port extends object>(): ScriptedPort<Port> {
  const calls: Call[] = []
  const watchers: { readonly name: string; readonly take: (call: Call) => void }[] = []
  const hear = (call: Call): void => {
    const index = watchers.findIndex(({ name }) => name === call.name)
    const [watcher] = index < 0 ? [] : watchers.splice(index, 1)
    if (watcher === undefined) calls.push(call)
    else watcher.take(call)
  }
  const port = new Proxy({} as Port, {
    get: (_, name) => {
      // What is awaited is asked for its `then`.
      if (typeof name === 'symbol' || name === 'then') return undefined
      return (...args: readonly unknown[]) =>
        new Promise((answer, fail) => hear({ name, args, answer, fail }))
    },
  })
  return {
    port,
    called(name) {
      const index = calls.findIndex((call) => call.name === name)
      const [call] = index < 0 ? [] : calls.splice(index, 1)
      if (call !== undefined) return Promise.resolve(call)
      return new Promise((take) => watchers.push({ name, take }))
    },
    get waiting() {
      return calls.map(({ name }) => name)
    },
  }
}
