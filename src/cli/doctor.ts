// `pit doctor`: whether Pit can run here, beside one that runs or before the first start.

import { ConfigError, type Config } from '../config/config.ts'
import { describeMistyped } from '../config/near-names.ts'
import type { DevStackAddresses } from '../infra/process/dev-stack-file.ts'
import { readVersion } from '../infra/process/project-file.ts'
import { readArguments } from '../operator/command-line.ts'
import { EXIT_DIFFERENT, EXIT_FINE, exitCodeOf } from '../operator/failures.ts'
import { loadWebServer } from '../server/load-server.ts'
import { findEverything } from './addresses.ts'
import { fails, lineOfFinding, ok, warn, type Finding } from './checks/finding.ts'
import { checkKeys } from './checks/operator-keys.ts'
import { checkPorts } from './checks/taken-ports.ts'
import { checkProcessor } from './checks/processors.ts'
import { checkDatabase, checkEmbedded, checkRedis } from './checks/stores.ts'
import { escapedLines } from '../operator/free-text.ts'

const USAGE = `Usage: pit doctor
       NAME=value … pit doctor

Checks settings, Node, the HTTP server, the operators' keys, ports, PostgreSQL
with its tables and rights, Redis and whether it does all that Pit asks of it,
both processors with their token, and clocks.
Each is a line that begins with ok, warn (Pit runs, and something is not as it
should be) or fails (Pit cannot run so), with why and what to do. Works beside a
running Pit and before the first start, with the same environment as pit start.
Changes nothing that is Pit's.

  --help   shows this

Examples:
  pit doctor
  DATABASE_URL=postgres://pit:secret@db/pit pit doctor

Exit codes: 0 nothing fails; 1 something does; 2 usage.
`

async function main(): Promise<number> {
  const options = { help: { type: 'boolean' } } as const
  const { values } = readArguments('pit doctor', { args: process.argv.slice(2), options })
  if (values.help === true) {
    process.stdout.write(USAGE)
    return EXIT_FINE
  }
  const findings = [checkNode(process.versions.node), ...(await checkAll())]
  for (const finding of findings) process.stdout.write(`${escapedLines(lineOfFinding(finding))}\n`)
  return findings.some(({ result }) => result === 'fails') ? EXIT_DIFFERENT : EXIT_FINE
}

const OLDEST_NODE = 20
const OLDEST_SUPPORTED_NODE = 22

function checkNode(version: string): Finding {
  const major = Number(version.split('.')[0])
  const name = `Node ${version}, Pit ${readVersion()}`
  if (major < OLDEST_NODE) return fails('versions', `${name}: Pit needs Node ${OLDEST_NODE}`)
  if (major < OLDEST_SUPPORTED_NODE || major % 2 === 1) {
    return warn(
      'versions',
      `${name}: Node ${major} gets no fixes any more; take an even, newer one`,
    )
  }
  return ok('versions', name)
}

async function checkAll(): Promise<readonly Finding[]> {
  try {
    const { config, devStack } = await findEverything()
    const settings = [ok('settings', 'can all be used'), ...warnOf(config.mistyped)]
    const all = await Promise.all([
      checkWebServer(config),
      checkPorts(config, devStack),
      checkStores(config, devStack),
      checkProcessors(config, devStack),
    ])
    return [...settings, checkKeys(config), ...all.flat()]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const later = warn('settings', 'the rest is checked once the settings can be read')
    const faults = error.faults.map((fault) => fails('settings', fault))
    return [...faults, ...warnOf(error.mistyped), later]
  }
}

function warnOf(mistyped: Config['mistyped']): readonly Finding[] {
  return mistyped.map((each) => warn('settings', describeMistyped(each)))
}

async function checkWebServer({ httpServer }: Config): Promise<readonly Finding[]> {
  try {
    const { name, insteadOf } = await loadWebServer(httpServer)
    if (insteadOf === undefined) return [ok('HTTP server', name)]
    return [warn('HTTP server', `${name}, which takes more CPU under full load: ${insteadOf}`)]
  } catch (error) {
    return [fails('HTTP server', error instanceof Error ? error.message : String(error))]
  }
}

async function checkStores(
  config: Config,
  devStack: DevStackAddresses | undefined,
): Promise<readonly Finding[]> {
  const url = config.databaseUrl ?? devStack?.databaseUrl
  const which = url === config.databaseUrl ? 'configured' : 'embedded'
  const database =
    url === undefined ? checkEmbedded(config) : checkDatabase(url, which, config.migrate)
  const [databaseFindings, redis] = await Promise.all([database, checkRedis(config)])
  return [...databaseFindings, ...redis]
}

async function checkProcessors(
  config: Config,
  devStack: DevStackAddresses | undefined,
): Promise<readonly Finding[]> {
  const { processorDefaultUrl, processorFallbackUrl } = config
  const isSet = processorDefaultUrl !== undefined
  const token = config.processorToken ?? (isSet ? undefined : devStack?.processorToken)
  const urls = {
    default: processorDefaultUrl ?? devStack?.processorDefaultUrl,
    fallback: processorFallbackUrl ?? devStack?.processorFallbackUrl,
  }
  if (urls.default === undefined || urls.fallback === undefined) {
    return [ok('processors', 'none are set: a start brings two simulators')]
  }
  const found = await Promise.all([
    checkProcessor({ name: 'default', url: urls.default, token }),
    checkProcessor({ name: 'fallback', url: urls.fallback, token }),
  ])
  return found.flat()
}

// Stands below the constants: what stands below it has no value yet when it runs.
process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))
