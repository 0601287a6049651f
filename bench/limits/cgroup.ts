// Limits for a group of processes by Linux cgroups, version 2 or 1, whichever this kernel offers.

import { accessSync, constants, existsSync } from 'node:fs'
import type { Cgroup } from './cgroup-files.ts'
import { cgroupV1 } from './cgroup-v1.ts'
import { cgroupV2 } from './cgroup-v2.ts'
import type { Share } from './shares.ts'

/** Where cgroups are, for tests of another version. */
export interface CgroupPlace {
  /** Usually /sys/fs/cgroup. */
  readonly root: string
}

/**
 * Makes a cgroup `group/name` with a hard share. Throws one clear sentence where this machine has
 * no cgroups, or this user may not make any (root, or a delegated subtree, may).
 */
export function createCgroup(
  group: { readonly parent: string; readonly name: string },
  share: Share,
  place: CgroupPlace = { root: '/sys/fs/cgroup' },
): Cgroup {
  const { root } = place
  const make = existsSync(`${root}/cgroup.controllers`) ? cgroupV2 : cgroupV1
  if (make === cgroupV1 && !existsSync(`${root}/memory/cgroup.procs`)) {
    throw new Error(`limits: no cgroups with a memory controller under ${root}`)
  }
  try {
    accessSync(make === cgroupV2 ? root : `${root}/memory`, constants.W_OK)
    return make(group, share, root)
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`limits: cannot make cgroups under ${root} (run as root): ${detail}`, { cause })
  }
}
