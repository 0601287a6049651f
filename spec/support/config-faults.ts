// What is wrong with an environment, as a start would say it.

import { ConfigError, readConfig, type Environment } from '../../src/config/config.ts'

/** A sentence for each fault; none where it can be used. */
export function faultsOf(environment: Environment): readonly string[] {
  try {
    readConfig(environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}
