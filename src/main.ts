// The process: reads the configuration, starts what is missing around Pit, runs Pit, and stops all
// of it on SIGTERM, SIGINT or SIGHUP.

import './infra/process/node-version.ts'
import assert from 'node:assert'
import { randomUUID } from 'node:crypto'
import { closeSync } from 'node:fs'
import { wordsOf } from './actors/model/errors.ts'
import { ConfigError, readConfig, readHttpServer, type Config } from './config/config.ts'
import { describeMistyped } from './config/near-names.ts'
import { argumentFault, helpText } from './config/text.ts'
import { lowerHelperThreads } from './infra/process/helper-threads.ts'
import { createLogger, type Logger } from './infra/process/logger.ts'
import { readVersion } from './infra/process/project-file.ts'
import { systemClock } from './infra/process/system-clock.ts'
import { LOSES_PAYMENTS, startPit, type Pit } from './app/pit.ts'
import { paymentSender } from './app/console.ts'
import { startDemo, whyNoDemo } from './app/demo.ts'
import { startDevStack, type DevStack } from './app/dev-stack.ts'
import { refuseUnusable } from './app/usable.ts'
import { loadWebServer } from './server/load-server.ts'

/** Exit codes: 0 after a signal or an operator's drain, --help or --version, 1 when it cannot run, 2 for a wrong configuration. */
const EXIT_FAILED = 1
const EXIT_USAGE = 2

/** How long a process that has stopped or failed may take to end by itself, ms. */
const LAST_EXIT_MS = 2000

const LEFT_OPEN = 'ended by force 2 s after the stop, something was left open'

const ARGUMENTS = process.argv.slice(2)

await main()

async function main(): Promise<void> {
  const known = ['--help', '--version', '--demo']
  const unknown = ARGUMENTS.find((argument) => !known.includes(argument))
  if (unknown !== undefined) {
    process.stderr.write(`pit: ${argumentFault(unknown)}\n`)
    process.exitCode = EXIT_USAGE
    return
  }
  if (ARGUMENTS.includes('--help')) {
    process.stdout.write(helpText())
    return
  }
  if (ARGUMENTS.includes('--version')) {
    process.stdout.write(await versionText())
    return
  }
  // A terminal or a reader that is gone must not cut a drain short.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  try {
    const config = readConfig(process.env)
    refuseUnusable(config)
    const whyNot = ARGUMENTS.includes('--demo') ? whyNoDemo(config) : undefined
    if (whyNot === undefined) await run(config)
    else {
      process.stderr.write(`pit: ${whyNot}\n`)
      process.exitCode = EXIT_USAGE
    }
  } catch (error) {
    process.stderr.write(`pit: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = error instanceof ConfigError ? EXIT_USAGE : EXIT_FAILED
  }
  // After a bug, timers or sockets of what failed may be left: they must not keep a process alive
  // that does no work, where a container would start a new one.
  setTimeout(() => {
    // A failure has said more already.
    if (process.exitCode === undefined) process.stderr.write(`pit: ${LEFT_OPEN}\n`)
    process.exit()
  }, LAST_EXIT_MS).unref()
}

/** Which Pit this is, and which server runs under it on this machine; whatever else is wrong here. */
async function versionText(): Promise<string> {
  const server = await loadWebServer(readHttpServer(process.env)).then(
    ({ name, insteadOf }) => (insteadOf === undefined ? name : `${name}, as ${insteadOf}`),
    (error: unknown) => `no server, as ${wordsOf(error)}`,
  )
  return `${readVersion()} (Node ${process.versions.node}, ${server})\n`
}

async function run(config: Config): Promise<void> {
  lowerHelperThreads()
  const { logLevel: level, instanceId } = config
  const logger = createLogger({ level, instanceId })
  for (const each of config.mistyped) logger.warn(each, describeMistyped(each))
  try {
    await runUntilTheEnd(config, logger)
  } catch (error) {
    // What a person at a terminal reads there comes last, and once.
    if (!isReadByAPerson()) logger.fatal({ cause: wordsOf(error) }, 'process.failed')
    throw error
  }
}

function isReadByAPerson(): boolean {
  return process.stdout.isTTY && process.stderr.isTTY
}

async function runUntilTheEnd(config: Config, logger: Logger): Promise<void> {
  const start = config.databaseUrl === undefined ? undoableStart() : cutShortStart()
  const devStack = await startDevStack(config, { tell: start.tell, logger })
  try {
    if (!start.isUndone()) await runPit({ config, devStack, logger, start })
  } finally {
    await devStack.stop()
  }
}

interface Parts {
  readonly config: Config
  readonly devStack: DevStack
  readonly logger: Logger
  readonly start: Start
}

async function runPit({ config, devStack, logger, start }: Parts): Promise<void> {
  start.goesOn('Pit')
  const pit = await startPit(config, devStack, logger)
  start.goesOn(undefined)
  if (!start.isUndone()) greet(config, pit)
  const isDemo = ARGUMENTS.includes('--demo') && !start.isUndone()
  const stopDemo = isDemo ? demonstrate(devStack, pit) : undefined
  const cause = await Promise.race([
    start.asked ?? signal(),
    pit.stopped.then(() => 'stopped by itself'),
    devStack.failed,
  ]).finally(stopDemo)
  if (cause === 'SIGHUP') process.once('exit', letGoOfTerminal)
  await pit.stop(String(cause))
  if (cause instanceof Error) throw cause
  if (cause === 'stopped by itself' && !pit.isDrained()) process.exitCode = EXIT_FAILED
}

/** How a start meets a signal. */
interface Start {
  /** The first signal, from the beginning; absent: none is heeded before Pit has started. */
  readonly asked?: Promise<string>
  /** Whether a signal came before Pit had started. */
  readonly isUndone: () => boolean
  /** What is started next; undefined: all has started. */
  readonly goesOn: (next: 'Pit' | undefined) => void
  /** Tells a person of a part, unless it is stopped anyway. */
  readonly tell: (line: string) => void
}

/** Nothing that was started outlives the process: a signal may end it where it stands. */
function cutShortStart(): Start {
  return { isUndone: () => false, goesOn: () => undefined, tell }
}

/**
 * A PostgreSQL of its own would outlive a start that a signal cuts short: what is being started is
 * finished then, and stopped again.
 */
function undoableStart(): Start {
  let part: 'PostgreSQL' | 'Pit' | undefined = 'PostgreSQL'
  let isUndone = false
  const asked = signal()
  // It never rejects.
  void asked.then(() => {
    if (part === undefined) return
    tell(`stopping once ${part} has started`)
    isUndone = true
  })
  return {
    asked,
    isUndone: () => isUndone,
    goesOn: (next) => (part = next),
    tell: (line) => {
      if (!isUndone) tell(line)
    },
  }
}

// Node gives a terminal its settings back at the end, and aborts when that one has hung up. What is
// closed it leaves alone.
function letGoOfTerminal(): void {
  for (const stdio of [0, 1, 2]) {
    try {
      closeSync(stdio)
    } catch {
      // It was closed before.
    }
  }
}

function signal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      // Kept for the whole drain: a second Ctrl-C must not cut it short and lose its order.
      process.on(name, () => resolve(name))
    }
  })
}

function demonstrate({ simulators }: DevStack, pit: Pit): () => void {
  assert(simulators !== undefined, 'a demo without simulators is refused before the start')
  const sendPayment = paymentSender(() => pit.port)
  return startDemo({ simulators, sendPayment, clock: systemClock, tell })
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Tells a person at a terminal; the log says the same to machines. */
function greet(config: Config, pit: Pit): void {
  const at = 'socket' in config.listen ? config.listen.socket : `http://localhost:${pit.port}`
  const instance = `Pit, instance ${config.instanceId}, on ${at} (${pit.webServer})`
  const lines = [instance, ...pagesOf(config, pit)].map((line) => `started ${line}\n`)
  if (config.loseAcceptedPaymentsOnCrash) lines.push(`WARNING: ${LOSES_PAYMENTS}\n`)
  if ('socket' in config.listen) {
    process.stdout.write(lines.join(''))
    return
  }
  const body = `{"correlationId":"${randomUUID()}","amount":19.90}`
  const post = `curl -i ${at}/payments -H 'content-type: application/json' -d '${body}'`
  const read = `curl ${at}/payments-summary`
  process.stdout.write(`${lines.join('')}\ntry:\n  ${post}\n  ${read}\n\n`)
}

/** What a browser can open; on all interfaces, this machine's own name is one that works. */
function pagesOf({ opsHost, inspect }: Config, { opsPort }: Pit): readonly string[] {
  if (opsPort === 0) return []
  const isEverywhere = ['0.0.0.0', '::', '127.0.0.1'].includes(opsHost)
  const host = opsHost.includes(':') ? `[${opsHost}]` : opsHost
  const url = `http://${isEverywhere ? 'localhost' : host}:${opsPort}`
  return [`console on ${url}`, ...(inspect ? [`inspection on ${url}/inspect`] : [])]
}
