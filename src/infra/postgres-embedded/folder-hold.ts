// Which Pit holds a data folder, told across containers and machines that share it: process numbers
// mean nothing there. A file in the folder is touched by its holder as long as that lives.

import { randomUUID } from 'node:crypto'
import { readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { codeOf } from '../../actors/model/errors.ts'

/** Between two touches of the file, ms. */
const TOUCH_MS = 1_000

/** How long a file of another container or machine is watched until its holder counts as dead, ms. */
const WATCH_MS = 4_000

const READ_MS = 250

export interface Hold {
  /** Lets go of the folder, unless somebody else has taken it since. */
  release(): Promise<void>
}

/** What the file said when its holder was found to be dead or of this container; null: no file. */
export type FormerHold = string | null

/**
 * Waits until it is plain whether somebody elsewhere holds the folder; undefined: somebody does. No
 * clocks are compared: the file is seen to change or not. A holder of this very container is not
 * judged: processes tell more about it.
 */
export async function findFormerHold(file: string): Promise<FormerHold | undefined> {
  const first = await readNow(file)
  if (first === null || hostOf(first.text) === (await thisHost())) return first?.text ?? null
  const deadline = performance.now() + WATCH_MS
  while (performance.now() < deadline) {
    await delay(READ_MS)
    const now = await readNow(file)
    if (now === null) return null
    if (now.text !== first.text || now.touchedAt !== first.touchedAt) return undefined
  }
  return first.text
}

/** Takes a folder that nobody living holds; undefined: somebody else was faster. */
export async function holdFolder(file: string, former: FormerHold): Promise<Hold | undefined> {
  const id = randomUUID()
  const text = `${id}\n${await thisHost()}\n`
  const isOurs = async (): Promise<boolean> => (await readNow(file))?.text === text
  if (former === null) {
    // One of several that find no file makes it.
    const isMade = await writeFile(file, text, { flag: 'wx', mode: 0o600 }).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === 'EEXIST') return false
        throw error
      },
    )
    if (!isMade) return undefined
  } else {
    if ((await readNow(file))?.text !== former) return undefined
    const draft = `${file}.${id}`
    await writeFile(draft, text, { mode: 0o600 })
    await rename(draft, file)
    // Another one that found the same holder dead may have done so at the same moment.
    if (hostOf(former) !== hostOf(text)) await delay(TOUCH_MS)
    if (!(await isOurs())) return undefined
  }
  const touch = async (): Promise<void> => {
    const now = new Date()
    if (await isOurs()) await utimes(file, now, now)
  }
  // A touch that fails, on a full or a lost disk, is followed by the next one.
  const timer = setInterval(() => void touch().catch(() => undefined), TOUCH_MS)
  timer.unref()
  return {
    async release() {
      clearInterval(timer)
      if (await isOurs()) await rm(file, { force: true })
    },
  }
}

async function readNow(
  file: string,
): Promise<{ readonly text: string; readonly touchedAt: bigint } | null> {
  try {
    const { mtimeNs: touchedAt } = await stat(file, { bigint: true })
    return { text: await readFile(file, 'utf8'), touchedAt }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** The second line: who wrote the first one is found out where the first one was written. */
function hostOf(text: string): string {
  return text.split('\n')[1] ?? ''
}

/** The same for all processes that see one another, and for no other: machine, boot, container. */
async function thisHost(): Promise<string> {
  const [boot, container] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
  ])
  return [hostname(), boot.trim(), container].join(' ')
}
