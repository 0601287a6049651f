// Runs the server that only answers 202, in the place of a Pit: same program, flags and share.

import { connect } from 'node:net'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClosing } from '../layout/closing.ts'
import { createGroups } from '../layout/groups.ts'
import { createPart, type Part } from '../layout/part.ts'
import { containerNodeFlags } from '../layout/project.ts'
import type { Shares } from '../limits/shares.ts'
import type { Target } from '../load/target.ts'

export interface Floor {
  readonly target: Target
  readonly part: Part
  stop(): Promise<void>
}

/** Starts it with the share of `pit-1`, or without a limit. Rejects with the end of its log. */
export async function startFloor(limits: Shares | undefined): Promise<Floor> {
  const dir = mkdtempSync(join(tmpdir(), 'pit-floor-'))
  const closing = createClosing({ dir })
  try {
    const socketPath = join(dir, 'floor.sock')
    const part = createPart({
      name: 'floor',
      command: process.execPath,
      args: [...containerNodeFlags(), floorServer(), socketPath],
      env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production' },
      dir,
      cgroup: createGroups(limits, closing)('pit-1'),
      stopSignal: 'SIGTERM',
      ready: () => answers(socketPath),
    })
    closing.add(part)
    await part.start()
    return { target: { socketPath }, part, stop: () => closing.close() }
  } catch (failure) {
    await closing.close()
    throw failure
  }
}

function floorServer(): string {
  return fileURLToPath(new URL('./floor-server.js', import.meta.url))
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    const answer = (open: boolean): void => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}
