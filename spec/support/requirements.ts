// What specs need of the machine besides Node: a developer may do without it, CI may not.

/**
 * Why a spec is skipped: a program that it needs is not there. Under CI, where everything is
 * installed, that is a failure.
 *
 * @throws with the reason when `CI` is `true`.
 */
export function missing(reason: string): string {
  if (process.env['CI'] === 'true') throw new Error(reason)
  return reason
}
