// The command line of `npm run bench:routing`, and the study that it asks for.

import { ConfigError, readConfig, type Environment } from '../../src/config/config.ts'
import { text, UsageError, whole, type Values } from '../measure/flags.ts'
import { listSchedules, NAMED, type Schedule } from './schedules.ts'
import type { StudyRequest } from './study.ts'
import { DEFAULTS, parseVariants, TURNED, turnOneByOne, type Variant } from './variants.ts'

export const FLAGS = {
  settings: text('A,B', 'variables to turn one by one; all that route'),
  together: text('A=1,B=2;A=3', 'play these beside the defaults instead'),
  schedules: text('X,Y', 'names, such as challenge or random-3, or drawn for those drawn; all'),
  drawn: whole({ fallback: 4, min: 0, max: 1000, meaning: 'schedules drawn at random' }),
  drawnFrom: whole({ fallback: 1, min: 0, max: 1e9, meaning: 'seed of the first of them' }),
  seeds: whole({
    fallback: 1,
    min: 1,
    max: 1000,
    meaning: 'worlds that each schedule is played in',
  }),
  users: whole({ fallback: 55, min: 1, max: 550, meaning: 'users at the end of the ramp, of 550' }),
  pitLater: whole({
    fallback: 0,
    min: 0,
    max: 5000,
    meaning: 'how much later than the processors Pit reads its books in checks, ms',
  }),
  jobs: whole({ fallback: 2, min: 1, max: 64, meaning: 'threads' }),
  json: text('FILE', 'where the result goes as JSON'),
}

/** @throws UsageError */
export function requestOf(flags: Values<typeof FLAGS>): StudyRequest {
  const { seeds, users, jobs, pitLater: pitLaterMs } = flags
  const variants = variantsOf(flags)
  for (const { environment } of variants) mustConfigure(environment)
  return { variants, schedules: schedulesOf(flags), seeds, users, pitLaterMs, jobs }
}

/** Before the first run rather than in the middle of the study. */
function mustConfigure(environment: Environment): void {
  try {
    readConfig(environment)
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause
    throw new UsageError(cause.message, { cause })
  }
}

function variantsOf({ settings, together }: Values<typeof FLAGS>): readonly Variant[] {
  if (together !== '') return [DEFAULTS, ...parseVariants(together)]
  const names = settings === '' ? Object.keys(TURNED) : settings.split(',')
  return [DEFAULTS, ...turnOneByOne(names)]
}

function schedulesOf(flags: Values<typeof FLAGS>): readonly Schedule[] {
  const all = listSchedules({ from: flags.drawnFrom, count: flags.drawn })
  if (flags.schedules === '') return all
  if (flags.schedules === 'drawn') return all.slice(NAMED.length)
  return flags.schedules.split(',').map((name) => {
    const found = all.find((schedule) => schedule.name === name)
    if (found !== undefined) return found
    throw new UsageError(`no schedule is called ${name}: ${all.map(({ name }) => name).join(', ')}`)
  })
}
