// Who is connected to a TCP port of the loopback.

import { existsSync, readFileSync } from 'node:fs'

/** Connections that a server on this port has open; none where there is no /proc. */
export function connectionsTo(port: number): number {
  const table = '/proc/net/tcp'
  return existsSync(table) ? countEstablished(readFileSync(table, 'utf8'), port) : 0
}

/** @param table in the form of /proc/net/tcp: number, local address, remote address, state. */
export function countEstablished(table: string, port: number): number {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return table.split('\n').filter((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    return state === ESTABLISHED && local.endsWith(ending)
  }).length
}

const ESTABLISHED = '01'
