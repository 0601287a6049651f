// Whom the embedded PostgreSQL runs as: it refuses to be root.

import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** How PostgreSQL's programs are run; empty: as whoever runs Pit. */
export interface RunAs {
  readonly uid?: number
  readonly gid?: number
  /** Command and arguments in front of the program, instead of a plain change of user. */
  readonly launcher?: readonly string[]
}

/**
 * PostgreSQL refuses to run as root, so root runs it as someone else: who owns the data already,
 * else the user that other packages of PostgreSQL use, else the one that owns nothing. `path` is
 * the data; `needed` are folders that this user has to get to.
 */
export async function chooseUser(path: string, needed: readonly string[]): Promise<RunAs> {
  if (process.getuid?.() !== 0) return {}
  const owner = await stat(path).catch(() => undefined)
  const user = owner !== undefined && owner.uid !== 0 ? owner : await findUser()
  const ids = { uid: user.uid, gid: user.gid }
  for (const folder of needed) {
    if (!(await isReachable(dirname(folder), ids))) return { ...ids, launcher: launcher(ids) }
  }
  return ids
}

/** Explains, in an error, whose permissions count. */
export function asWhom({ uid }: RunAs): string {
  return uid === undefined ? '' : ` as user ${uid} (PostgreSQL refuses to run as root)`
}

interface Ids {
  readonly uid: number
  readonly gid: number
}

async function findUser(): Promise<Ids> {
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((each) => each[0] === name) ?? []
    if (Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('PostgreSQL refuses to run as root: start Pit as an ordinary user')
}

async function isReachable(folder: string, { uid, gid }: Ids): Promise<boolean> {
  const { mode, uid: owner, gid: group } = await stat(folder)
  const enter = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001
  if ((mode & enter) === 0) return false
  return dirname(folder) === folder || (await isReachable(dirname(folder), { uid, gid }))
}

// For a Pit below a folder that only root may enter, as /root is: of all that root may do, the
// user keeps passing by file permissions, and nothing else.
function launcher({ uid, gid }: Ids): readonly string[] {
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--inh-caps=-all,+dac_override',
    '--ambient-caps=+dac_override',
    '--bounding-set=-all,+dac_override',
    '--securebits=+no_setuid_fixup',
  ]
}
