// What the settings alone do not tell, looked at before anything is started.

import { ConfigError, type Config } from '../config/config.ts'
import { inspectKeysFile } from '../infra/process/keys-file.ts'
import { isFeeRate } from '../simulator/wire-format.ts'

/** Throws `ConfigError` with all that cannot be used: a file of keys, fees for own simulators. */
export function refuseUnusable(config: Config): void {
  const faults = [...keysFaults(config), ...feeFaults(config)]
  if (faults.length > 0) throw new ConfigError(faults, config.mistyped)
}

function keysFaults({ keysFile, opsPort }: Config): readonly string[] {
  if (keysFile === undefined || opsPort === 0) return []
  const found = inspectKeysFile(keysFile)
  return 'fault' in found ? [`KEYS_FILE: ${keysFile} ${found.fault}`] : []
}

/** A fee that a processor keeps may be anything; a simulator has to apply it exactly. */
function feeFaults(config: Config): readonly string[] {
  if (config.processorDefaultUrl !== undefined) return []
  const fees = {
    PROCESSOR_DEFAULT_FEE: config.processorDefaultFee,
    PROCESSOR_FALLBACK_FEE: config.processorFallbackFee,
  }
  return Object.entries(fees)
    .filter(([, fee]) => !isFeeRate(fee))
    .map(([name]) => `${name} is none that a simulator takes: below 1, at most six decimals`)
}
