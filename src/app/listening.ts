// Where an instance and its dev stack listen, by the settings that say so: a port that cannot be had
// is told with the setting's name.

import type { Config } from '../config/config.ts'
import { loadWebServer, type ServerChoice } from '../server/load-server.ts'
import { ListenFailed, type ListenAt } from '../server/web-server.ts'

export interface ListeningAddress<At extends ListenAt = ListenAt> {
  /** As it is written in an environment. */
  readonly setting: string
  readonly at: At
}

/** Where clients call. */
export function clientsAddress({ listen }: Config): ListeningAddress {
  const setting = 'socket' in listen ? `LISTEN_SOCKET=${listen.socket}` : `PORT=${listen.port}`
  return { setting, at: listen }
}

/** Where operators call. */
export function operatorsAddress({ opsHost: host, opsPort: port }: Config): ListeningAddress {
  const on = host === '127.0.0.1' ? '' : ` on OPS_HOST=${host}`
  return { setting: `OPS_PORT=${port}${on}`, at: { host, port } }
}

/** Whether an interface can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return /^(?:127\.|::1$|localhost$)/i.test(host)
}

/** Where a simulator of the dev stack listens. */
export function simulatorAddress(
  config: Config,
  name: 'default' | 'fallback',
): ListeningAddress<{ readonly host: string; readonly port: number }> {
  const port = name === 'default' ? config.simulatorDefaultPort : config.simulatorFallbackPort
  return {
    setting: `SIMULATOR_${name.toUpperCase()}_PORT=${port}`,
    at: { host: '127.0.0.1', port },
  }
}

/**
 * Listens at each address for a moment with the server that was chosen, so that a start that cannot
 * succeed ends before it has made anything. Rejects with one sentence when that server does not
 * load, or with one that names all addresses that cannot be had, each reason once.
 */
export async function tryAddresses(
  choice: ServerChoice,
  addresses: readonly ListeningAddress[],
): Promise<void> {
  const server = await loadWebServer(choice)
  const settings = new Map<string, string[]>()
  for (const { setting, at } of addresses) {
    // Any free one can be had.
    if ('port' in at && at.port === 0) continue
    const app = server.createApp()
    try {
      const listening = await app.listen(at)
      listening.stop()
    } catch (error) {
      if (!(error instanceof ListenFailed)) throw error
      settings.set(error.reason, [...(settings.get(error.reason) ?? []), setting])
    }
    app.close()
  }
  const faults = [...settings].map(([reason, each]) => `${each.join(', ')}: ${reason}`)
  if (faults.length > 0) throw new Error(`cannot listen on ${faults.join('; ')}`)
}

/** What rejects with `ListenFailed`, itself or as the cause, rejects with the setting's name. */
export async function listensAt<Value>(
  address: ListeningAddress,
  start: Promise<Value>,
): Promise<Value> {
  try {
    return await start
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const failed = [error, cause].find((each) => each instanceof ListenFailed)
    if (failed === undefined) throw error
    throw new Error(`cannot listen on ${address.setting}: ${failed.reason}`, { cause: error })
  }
}
