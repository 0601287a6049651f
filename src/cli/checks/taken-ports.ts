// Checks of the ports that a start would take: free, or Pit answers there already.

import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { dirname } from 'node:path'
import type { Config } from '../../config/config.ts'
import {
  operatorsUrl,
  socketUrl,
  type DevStackAddresses,
} from '../../infra/process/dev-stack-file.ts'
import { askOverHttp, detailOf, isClientsPort, readFields, socketIn } from '../ask-pit.ts'
import { causeIn, fails, ok, warn, type Finding } from './finding.ts'

/** Checks the ports that are configured, or those that a running dev stack uses. */
export async function checkPorts(
  config: Config,
  devStack: DevStackAddresses | undefined,
): Promise<readonly Finding[]> {
  const { listen, opsHost, opsPort, processorDefaultUrl } = config
  const own = devStack?.clientsUrl
  const configured = 'socket' in listen ? listen.socket : undefined
  const socket = own === undefined ? configured : socketIn(own)
  const port = portOf(own) ?? ('port' in listen ? listen.port : 0)
  const clients = socket === undefined ? checkPort({ setting: 'PORT', port }) : checkSocket(socket)
  const opsUrl = devStack?.opsUrl ?? operatorsUrl({ opsHost, opsPort })
  const ops = checkPort({ setting: 'OPS_PORT', port: portOf(opsUrl) ?? opsPort, opsUrl, opsHost })
  const simulators =
    processorDefaultUrl === undefined && devStack === undefined
      ? simulatorPorts(config).map(checkSimulatorPort)
      : []
  return await Promise.all([clients, ops, ...simulators])
}

function portOf(url: string | undefined): number | undefined {
  return url === undefined ? undefined : Number(new URL(url).port)
}

interface Port {
  readonly setting: 'PORT' | 'OPS_PORT'
  readonly port: number
  /** Where operators reach it. */
  readonly opsUrl?: string
  /** Interface that it is on; absent: all of them. */
  readonly opsHost?: string
}

async function checkPort({ setting, port, opsUrl, opsHost }: Port): Promise<Finding> {
  if (port === 0) return ok(setting, setting === 'PORT' ? '0: any free port' : '0: nowhere')
  const url = opsUrl ?? `http://127.0.0.1:${port}`
  const unfree = await whyNotFree({ url, port, host: opsHost })
  if (unfree === undefined) return ok(setting, `${port} is free`)
  if (unfree !== 'taken') return fails(setting, `${port}: ${unfree}; set ${setting}`)
  const isPit = await (setting === 'PORT' ? isClientsPort(url) : isAlive(url)).catch(() => false)
  if (!isPit)
    return fails(setting, `${port} is taken by another program: stop it, or set ${setting}`)
  return setting === 'PORT' ? ok(setting, `${port}: Pit answers there`) : await readiness(url, port)
}

async function isAlive(url: string): Promise<boolean> {
  const { status, body } = await askOverHttp({ url, path: '/healthz' })
  return status === 200 && readFields(body)?.['alive'] === true
}

async function readiness(url: string, port: number): Promise<Finding> {
  const answer = await askOverHttp({ url, path: '/readyz' })
  if (answer.status === 200) return ok('OPS_PORT', `${port}: Pit answers there, and is ready`)
  return warn('OPS_PORT', `${port}: Pit answers there, and is not ready: ${detailOf(answer)}`)
}

type SimulatorPort = readonly [setting: string, port: number]

function simulatorPorts(config: Config): readonly SimulatorPort[] {
  return [
    ['SIMULATOR_DEFAULT_PORT', config.simulatorDefaultPort],
    ['SIMULATOR_FALLBACK_PORT', config.simulatorFallbackPort],
  ]
}

async function checkSimulatorPort([setting, port]: SimulatorPort): Promise<Finding> {
  if (port === 0) return ok(setting, '0: any free port')
  const unfree = await whyNotFree({ url: `http://127.0.0.1:${port}`, port, host: undefined })
  if (unfree === undefined) return ok(setting, `${port} is free`)
  return fails(setting, `${port} is ${unfree}: stop that, or set ${setting}`)
}

async function checkSocket(path: string): Promise<Finding> {
  const isPit = await isClientsPort(socketUrl(path)).catch(() => false)
  if (isPit) return ok('LISTEN_SOCKET', `${path}: Pit answers there`)
  try {
    await access(dirname(path), constants.W_OK | constants.X_OK)
    return ok('LISTEN_SOCKET', `${path}: its folder can be written`)
  } catch (error) {
    return fails('LISTEN_SOCKET', `its folder cannot be written: ${causeIn(error)}`)
  }
}

/** Bound on a connection within this machine, ms. */
const CONNECT_TIMEOUT_MS = 1_000

interface Place {
  readonly url: string
  readonly port: number
  /** Interface; undefined: all of them. */
  readonly host: string | undefined
}

/** It is bound for a moment only when nobody answers there. */
async function whyNotFree({ url, port, host }: Place): Promise<string | undefined> {
  if (await answersAt(url)) return 'taken'
  return await new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'EADDRINUSE' ? 'taken' : causeIn(error))
    })
    server.listen({ port, host }, () => server.close(() => resolve(undefined)))
  })
}

function answersAt(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return new Promise((resolve) => {
    const socket = connect({ port: Number(port), host, timeout: CONNECT_TIMEOUT_MS })
    const end = (answers: boolean): void => {
      socket.destroy()
      resolve(answers)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
    socket.once('timeout', () => end(true))
  })
}
