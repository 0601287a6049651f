// Things to be done at given times during the load.

export interface Appointment {
  /** From the start of the timetable, ms. */
  readonly atMs: number
  readonly act: () => Promise<void>
}

/**
 * Keeps all appointments, each at its own time whatever the others take. Rejects with the first
 * failure; what had not begun by then, or by `cancel()`, never does.
 */
export class Timetable {
  readonly #timers: NodeJS.Timeout[] = []

  keep(appointments: readonly Appointment[]): Promise<void> {
    return new Promise((resolve, reject) => {
      let open = appointments.length
      if (open === 0) resolve()
      for (const { atMs, act } of appointments) {
        const begin = (): void => {
          act().then(
            () => {
              open -= 1
              if (open === 0) resolve()
            },
            (error: unknown) => {
              this.cancel()
              reject(error)
            },
          )
        }
        this.#timers.push(setTimeout(begin, atMs))
      }
    })
  }

  /** Lets nothing more begin; the promise of `keep` is then left as it is. */
  cancel(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer)
  }
}
