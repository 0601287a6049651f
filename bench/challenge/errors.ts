// What ends a challenge run early; each has its own exit code.

/** The command line, or a schedule file, is not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'usage'
}

/** Pit or a processor does not answer as it has to for the run to mean anything. */
export class TargetUnreachable extends Error {
  override readonly name = 'TargetUnreachable'
  readonly code = 'target_unreachable'
}
