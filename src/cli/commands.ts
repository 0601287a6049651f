// The commands of the command line, in the order in which its help shows them.

export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly about: string
  /** Without extension, relative to src, or to the project for tools. */
  readonly module: string
  readonly place: 'src' | 'tools'
  readonly takes: 'nothing' | 'options'
  /** A server runs on when nobody reads what it prints any more. */
  readonly kind: 'server' | 'tool'
  /** How it is built. */
  readonly built: string
}

const BUILD = 'run npm run build'
const BUILD_TOOLS = 'run npm run build:tools'

const COMMANDS: readonly Command[] = [
  {
    name: 'start',
    about: 'Run Pit, with whatever it needs and was not told of',
    module: 'main',
    place: 'src',
    takes: 'nothing',
    kind: 'server',
    built: BUILD,
  },
  {
    name: 'status',
    about: 'Show what running instances do, live',
    module: 'cli/status',
    place: 'src',
    takes: 'options',
    kind: 'tool',
    built: BUILD,
  },
  {
    name: 'reconcile',
    about: 'Compare Pit’s books with the processors’',
    module: 'cli/reconcile',
    place: 'src',
    takes: 'options',
    kind: 'tool',
    built: BUILD,
  },
  {
    name: 'rejected',
    about: 'List rejected payments, and let them be tried again',
    module: 'cli/rejected',
    place: 'src',
    takes: 'options',
    kind: 'tool',
    built: BUILD,
  },
  {
    name: 'simulator',
    about: 'Run a processor to pay at',
    module: 'simulator/main',
    place: 'src',
    takes: 'options',
    kind: 'server',
    built: BUILD,
  },
  {
    name: 'challenge',
    about: 'Put the challenge’s load on what listens on 9999',
    module: 'bench/challenge',
    place: 'tools',
    takes: 'options',
    kind: 'tool',
    built: BUILD_TOOLS,
  },
]

/** Undefined when there is none of that name. */
export function commandNamed(name: string): Command | undefined {
  return COMMANDS.find((command) => command.name === name)
}

export const USAGE = `Usage: pit <command> [options]

${COMMANDS.map(({ name, about }) => `  ${name.padEnd(11)}${about}`).join('\n')}

  pit <command> --help says more; pit --version says which Pit this is.
`
