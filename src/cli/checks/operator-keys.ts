// A check of the file whose keys sign operators in.

import { SCOPES } from '../../actors/model/operator.ts'
import type { Config } from '../../config/config.ts'
import { inspectKeysFile } from '../../infra/process/keys-file.ts'
import { counted } from '../../operator/command-line.ts'
import { fails, ok, warn, type Finding } from './finding.ts'

const KEYS = 'keys'

/** Names no key and no hash. */
export function checkKeys({ keysFile }: Pick<Config, 'keysFile'>): Finding {
  if (keysFile === undefined) {
    const who = 'whoever reaches the operators’ port sees the console'
    return ok(KEYS, `KEYS_FILE is not set: ${who}, and commands come from this machine alone`)
  }
  const found = inspectKeysFile(keysFile)
  if ('fault' in found) return fails(KEYS, `KEYS_FILE: ${keysFile} ${found.fault}`)
  const { keys } = found
  const text = `KEYS_FILE can be read and has ${counted(keys.length, 'key')}`
  if (keys.length === 0) return warn(KEYS, `${text}: nobody can sign in; pit keys new makes one`)
  const scopes = SCOPES.map((scope) => {
    return `${keys.filter((key) => key.scope === scope).length} to ${scope}`
  })
  const said = `${text}, ${scopes.join(', ')}`
  if (keys.some(({ scope }) => scope === 'operate')) return ok(KEYS, said)
  return warn(KEYS, `${said}: nobody can give commands`)
}
