// PUT /admin/configurations/*: reads the new value, sets it, and says what was and what is.

import { field, parseJson } from './body.ts'
import type { Answer } from './responder.ts'
import { FaultsInvalid } from './faults-check.ts'
import { parseFaults } from './faults.ts'
import type { Switches } from './switches.ts'

export type Setting = 'delay' | 'failure' | 'token' | 'faults'

/** Longest delay that can be switched on, ms. */
export const DELAY_MS_MAX = 600_000

/** Sets what the body says, or answers 400 and sets nothing. */
export function readSetting(switches: Switches, setting: Setting, text: string): Answer {
  const body = parseJson(text)
  switch (setting) {
    case 'delay':
      return setDelay(switches, field(body, 'delay'))
    case 'failure':
      return setFailure(switches, field(body, 'failure'))
    case 'token':
      return setToken(switches, field(body, 'token'))
    case 'faults':
      return setFaults(switches, body)
  }
}

function setDelay(switches: Switches, delay: unknown): Answer {
  if (!isDelay(delay)) return refuse(`delay must be a whole number from 0 to ${DELAY_MS_MAX}`)
  const was = switches.delayMs
  switches.delayMs = delay
  return confirm('delay', was, delay)
}

export function isDelay(delay: unknown): delay is number {
  return Number.isInteger(delay) && Number(delay) >= 0 && Number(delay) <= DELAY_MS_MAX
}

function setFailure(switches: Switches, failure: unknown): Answer {
  if (typeof failure !== 'boolean') return refuse('failure must be true or false')
  const was = switches.failure
  switches.failure = failure
  return confirm('failure', was, failure)
}

function setToken(switches: Switches, token: unknown): Answer {
  if (typeof token !== 'string' || token === '') return refuse('token must be a text')
  switches.token = token
  return { status: 204 }
}

function setFaults(switches: Switches, body: unknown): Answer {
  const was = switches.faults
  try {
    switches.faults = parseFaults(body)
  } catch (error) {
    if (error instanceof FaultsInvalid) return refuse(error.message)
    throw error
  }
  return confirm('faults', was, switches.faults)
}

function confirm(config: Setting, was: unknown, is: unknown): Answer {
  return { status: 200, body: JSON.stringify({ config, was, is }) }
}

function refuse(message: string): Answer {
  return { status: 400, body: JSON.stringify({ message }) }
}
