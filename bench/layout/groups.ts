// The cgroups of a layout's parts, made when there are limits.

import { createCgroup } from '../limits/cgroup.ts'
import type { Cgroup } from '../limits/cgroup-files.ts'
import type { Shares } from '../limits/shares.ts'
import type { Closing } from './closing.ts'

/**
 * Answers a part's cgroup by its name, undefined without limits. Instances beyond those of the
 * compose file get the share of the first one. Layouts of one process do not share groups.
 */
export function createGroups(
  limits: Shares | undefined,
  closing: Closing,
): (name: string) => Cgroup | undefined {
  const parent = `pit-${process.pid}-${Math.round(performance.now())}`
  return (name) => {
    if (limits === undefined) return undefined
    const share = limits[name] ?? (name.startsWith('pit-') ? limits['pit-1'] : undefined)
    if (share === undefined) throw new Error(`layout: there is no share for ${name}`)
    const cgroup = createCgroup({ parent, name }, share)
    closing.addGroup(cgroup)
    return cgroup
  }
}
