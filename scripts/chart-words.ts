// The words on a drawn chart: what a transition waits for and what it depends on.

import type { AnyTransitionDefinition } from 'xstate'

/** `event [guard]`, as short as it stays readable; free of what Mermaid would trip over. */
export function labelOf(transition: AnyTransitionDefinition): string {
  const { guard } = transition
  const trigger = triggerOf(transition)
  const condition = guard === undefined ? '' : `[${guardWords(guard)}]`
  if (trigger === '') return plain(condition === '' ? 'always' : condition)
  return plain(`${trigger} ${condition}`)
}

/** A text on one line without what Mermaid takes for the end of a label. */
export function plain(text: string): string {
  return text.replace(/[:;#\s]+/g, ' ').trim()
}

/** Empty for an eventless transition. */
function triggerOf(transition: AnyTransitionDefinition): string {
  const type = String(transition.eventType ?? '')
  if ('delay' in transition) return `after ${delayWords(transition.delay)}`
  if (type === '*') return 'any other event'
  if (type.startsWith('xstate.done.state.')) return 'done'
  for (const [prefix, what] of ACTOR_EVENTS) {
    if (type.startsWith(prefix)) return `${type.slice(prefix.length)} ${what}`
  }
  return type
}

const ACTOR_EVENTS: readonly (readonly [string, string])[] = [
  ['xstate.done.actor.', 'done'],
  ['xstate.error.actor.', 'failed'],
  ['xstate.snapshot.', 'changed'],
]

function delayWords(delay: unknown): string {
  return typeof delay === 'number' ? `${delay} ms` : String(delay)
}

function guardWords(guard: unknown): string {
  if (typeof guard === 'string') return guard
  if (typeof guard === 'function') return combinedWords(guard) ?? (guard.name || 'a condition')
  if (typeof guard !== 'object' || guard === null || !('type' in guard)) return 'a condition'
  const params = 'params' in guard ? guard.params : undefined
  if (typeof params !== 'object' || params === null) return String(guard.type)
  const pairs = Object.entries(params).map(([key, value]) => `${key}=${String(value)}`)
  return `${String(guard.type)}(${pairs.join(', ')})`
}

/** `and`, `or`, `not` and `stateIn` are functions that carry what they were made of. */
function combinedWords(guard: object): string | undefined {
  if ('stateValue' in guard) return `in ${JSON.stringify(guard.stateValue).replaceAll('"', '')}`
  if (!('guards' in guard) || !Array.isArray(guard.guards) || !('name' in guard)) return undefined
  const parts = guard.guards.map((part: unknown) => bracketed(part))
  return guard.name === 'not' ? `not ${parts.join('')}` : parts.join(` ${String(guard.name)} `)
}

function bracketed(guard: unknown): string {
  const words = guardWords(guard)
  const joined = typeof guard === 'function' && (guard.name === 'and' || guard.name === 'or')
  return joined ? `(${words})` : words
}
