// The command line: `pit start`, `pit status` and so on, each a module of its own.

import '../infra/process/node-version.ts'
import { existsSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { nearWord } from '../config/near-names.ts'
import { projectFile } from '../infra/process/project-file.ts'

/** Exit codes: those of the command, else 0 for help, 1 when it is missing, 2 for wrong usage. */
const EXIT_FAILED = 1
const EXIT_USAGE = 2

interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly about: string
  /** Path without extension, relative to src, or to the project for tools. */
  readonly module: string
  readonly tree: 'src' | 'tools'
  /** A server runs on when nobody reads what it prints any more. */
  readonly kind: 'server' | 'tool'
  /** Whether its module has several commands, and so reads their name as well. */
  readonly isNamed?: true
}

const COMMANDS: readonly Command[] = [
  {
    name: 'start',
    about: 'Run Pit, with a dev stack for what is not configured',
    module: 'main',
    tree: 'src',
    kind: 'server',
  },
  tool('doctor', 'Check settings and everything that Pit needs; changes nothing'),
  tool('status', 'Show what running instances do, live'),
  tool('tail', 'Print a line for each payment that is settled, rejected or parked'),
  tool('pay', 'Post a payment'),
  tool('show', 'Show all that is known of one payment'),
  tool('find', 'List payments that fit a filter, or by the beginning of an id'),
  tool('reconcile', 'Compare Pit’s books with the processors’'),
  tool('rejected', 'List rejected payments, and let them be tried again'),
  order('pause', 'Send a processor no charges until it is resumed'),
  order('resume', 'End a pause or a hold of a processor'),
  order('hold', 'Hold the circuit of a processor open or closed for a time'),
  order('drain', 'Stop an instance as SIGTERM does'),
  tool('resolve', 'Say what became of a payment in doubt, where nobody else can'),
  tool('audit', 'List what operators have ordered, and what it met'),
  tool('keys', 'Make a key that signs an operator in'),
  tool('migrate', 'Show, apply or print the migrations of Pit’s tables'),
  {
    name: 'simulator',
    about: 'Run a processor to pay at',
    module: 'simulator/main',
    tree: 'src',
    kind: 'server',
  },
  {
    name: 'challenge',
    about: 'Put the challenge’s load on what listens on 9999',
    module: 'bench/challenge',
    tree: 'tools',
    kind: 'tool',
  },
]

function tool(name: string, about: string): Command {
  return { name, about, module: `cli/${name}`, tree: 'src', kind: 'tool' }
}

/** What is written into the ledger, for all instances. */
function order(name: string, about: string): Command {
  return { ...tool(name, about), module: 'cli/order', isNamed: true }
}

const USAGE = `Usage: pit <command> [options]

${COMMANDS.map(({ name, about }) => `  ${name.padEnd(11)}${about}`).join('\n')}

  pit <command> --help says more; pit --version says which Pit this is, and on
  which server.

Examples:
  pit start
  pit pay 19.90 --wait
  pit doctor

Exit codes: 0 done, and all is well; 1 done, and something is not; 2 usage, or a
setting is wrong; 3 what was asked does not answer; 4 a bug of the command.
docs/CLI.md says what that means for each command.
`

await main()

async function main(): Promise<void> {
  const [name] = process.argv.slice(2)
  // The program itself tells it.
  const wanted = name === '--version' ? 'start' : name
  const command = COMMANDS.find((each) => each.name === wanted)
  if (name === '--help' || name === '-h' || name === 'help') process.stdout.write(USAGE)
  else if (command === undefined) fail(usageFault(name), EXIT_USAGE)
  else await run(command)
}

/** A command's module works when it is imported, and reads its arguments as a script does. */
async function run(command: Command): Promise<void> {
  const path = command.tree === 'tools' ? toolPath(command) : modulePath(command)
  if (!existsSync(path)) {
    const build = command.tree === 'src' ? 'npm run build' : 'npm run build:tools'
    // Without development's packages there is no compiler.
    const how = existsSync(projectFile('node_modules/typescript')) ? build : `npm ci && ${build}`
    fail(`pit ${command.name} is not built here: run ${how}`, EXIT_FAILED)
    return
  }
  endWithReader(command)
  const isKept = command.isNamed === true || process.argv[2] === '--version'
  process.argv.splice(1, isKept ? 1 : 2, path)
  await import(pathToFileURL(path).href)
}

/**
 * A reader that closes the pipe, as in `pit status | head`, has what it wants: that is no failure.
 */
function endWithReader({ kind }: Command): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    if (kind === 'tool') process.exit()
  })
}

/** The module in the tree of this file, compiled or not as this file is. */
function modulePath({ module }: Command): string {
  const here = fileURLToPath(import.meta.url)
  return join(dirname(here), '..', `${module}${extname(here)}`)
}

/** What is around src is compiled into build/, and not part of an installed Pit. */
function toolPath({ module }: Command): string {
  return projectFile(`build/${module}.js`)
}

function usageFault(name: string | undefined): string {
  if (name === undefined) return USAGE.trimEnd()
  const near = nearWord(
    name,
    COMMANDS.map((each) => each.name),
  )
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  return `pit has no command ${name}${hint} (pit --help lists them)`
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`${message}\n`)
  process.exitCode = exitCode
}
