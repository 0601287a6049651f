// The Nodes on which CI tries Pit, each at one release that npm has.

import type { SUPPORTED_NODES } from '../src/infra/process/node-version.ts'

export const PINNED_NODES: Readonly<Record<(typeof SUPPORTED_NODES)[number], string>> = {
  20: '20.20.2',
  22: '22.23.3',
  24: '24.21.0',
  26: '26.10.0',
}

/** Too old to run on. */
export const REFUSED_NODE = '18.20.8'
