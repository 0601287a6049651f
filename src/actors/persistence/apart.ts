// Finds which items of a batch PostgreSQL refuses: each is written alone, and the others are written.

import assert from 'node:assert'
import { isHeld, isOfValue, isRefused, type StatementRefused } from '../model/errors.ts'

/** What became of the items of a batch. */
export interface Apart<Item, Written> {
  /** What was written together, in the order of the batch. */
  readonly written: readonly { readonly items: readonly Item[]; readonly value: Written }[]
  readonly refused: readonly { readonly item: Item; readonly failure: StatementRefused }[]
}

/** So many refusals in a row, none for a value: what is refused is the statement, and no item. */
const REFUSED_IN_A_ROW_MAX = 8

/** So many rows in a row that somebody holds: the table is held. Each costs the wait for a lock. */
const HELD_IN_A_ROW_MAX = 2

/**
 * Writes a batch, and each item of it alone where PostgreSQL refuses the batch. Rejects with what a
 * write was rejected with that is no refusal, and with a refusal where no item is at fault; what was
 * written until then stays written.
 */
export async function writeApart<Item, Written>(
  batch: readonly Item[],
  write: (items: readonly Item[]) => Promise<Written>,
): Promise<Apart<Item, Written>> {
  try {
    return { written: [{ items: batch, value: await write(batch) }], refused: [] }
  } catch (failure) {
    if (!isRefused(failure)) throw failure
    const [item] = batch
    assert(item !== undefined, 'nothing is refused of a batch without items')
    if (batch.length === 1) return { written: [], refused: [{ item, failure }] }
  }
  return await writeOneByOne(batch, write)
}

/** The same for a batch that was refused. */
export async function writeOneByOne<Item, Written>(
  batch: readonly Item[],
  write: (items: readonly Item[]) => Promise<Written>,
): Promise<Apart<Item, Written>> {
  const written: { readonly items: readonly Item[]; readonly value: Written }[] = []
  const refused: { readonly item: Item; readonly failure: StatementRefused }[] = []
  let inARow = 0
  for (const item of batch) {
    try {
      written.push({ items: [item], value: await write([item]) })
      inARow = 0
    } catch (failure) {
      if (!isRefused(failure)) throw failure
      inARow = isOfValue(failure.refusal) ? 0 : inARow + 1
      const inARowMax = isHeld(failure.refusal) ? HELD_IN_A_ROW_MAX : REFUSED_IN_A_ROW_MAX
      if (inARow >= inARowMax) throw failure
      refused.push({ item, failure })
    }
  }
  return { written, refused }
}
