// How long the disk takes to make a small write durable, where layouts keep their databases.

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from './figures.ts'

export interface DiskProbe {
  readonly medianMs: number
  readonly maxMs: number
}

/** A few dozen writes of one page of PostgreSQL's log, each made durable. */
export function probeDisk(): DiskProbe {
  const dir = mkdtempSync(join(tmpdir(), 'pit-disk-'))
  const file = openSync(join(dir, 'log'), 'w')
  try {
    const took = Array.from({ length: WRITES }, () => {
      const startedAt = performance.now()
      writeSync(file, PAGE)
      fdatasyncSync(file)
      return performance.now() - startedAt
    })
    return { medianMs: median(took), maxMs: Math.max(...took) }
  } finally {
    closeSync(file)
    rmSync(dir, { recursive: true })
  }
}

const WRITES = 30
const PAGE = Buffer.alloc(8192, 1)
