// The command line that starts a process inside its cgroup, as its own user, tied to this one.

import type { Cgroup } from '../limits/cgroup-files.ts'

/** An ordinary user for a program that refuses to run as root. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

export interface CommandLine {
  readonly command: string
  readonly args: readonly string[]
}

/** Enters each cgroup before it becomes the program: nothing runs or allocates outside. */
const ENTER = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 71; shift; done; shift; exec "$@"'

/**
 * Wraps a command line. The process id stays the program's own, since each step is an exec. On
 * Linux the program gets SIGTERM when this process dies, however it dies.
 */
export function wrapped(
  line: CommandLine,
  place: { readonly cgroup: Cgroup | undefined; readonly account: Account | undefined },
): CommandLine {
  if (process.platform !== 'linux') return line
  const account =
    place.account === undefined
      ? []
      : [
          '--reuid',
          String(place.account.uid),
          '--regid',
          String(place.account.gid),
          '--clear-groups',
        ]
  const tied = ['setpriv', '--pdeathsig', 'TERM', ...account, '--', line.command, ...line.args]
  const entrances = place.cgroup?.entrances ?? []
  return { command: '/bin/sh', args: ['-c', ENTER, 'sh', ...entrances, '--', ...tied] }
}
