// A command of an operator in words: what was ordered, and what it has met so far.

export function orderOf({ kind, payload }) {
  const { about, correlationId, processor, instanceId, to, processors, unlisted } = payload
  const named = [about, correlationId, processor, instanceId, to, processors?.join(' and ')]
  if (unlisted === true) named.push('unlisted')
  return [kind, ...named.filter((each) => each !== undefined)].join(' ')
}

export function metBy(command) {
  const { kind, awaited, result } = command
  if (kind in PACED) return pacedMet(command)
  const answered = awaited.filter((each) => each in result)
  const met = answered.map((each) => metAt(each, result[each]))
  const silent = awaited.filter((each) => !(each in result))
  return [...met, ...silent.map((each) => `${each} has not answered`)].join('; ')
}

/** Orders about many payments, with what is done to each. */
const PACED = { lookUp: 'due', redrive: 'redriven' }

function pacedMet({ kind, payload: { payments }, result, doneAt, isInterrupted }) {
  const verb = PACED[kind]
  const [met = {}] = Object.values(result)
  const done = met[verb] ?? 0
  if (doneAt !== null)
    return `${done} of ${payments} payments ${verb}${LEFT[kind](done < payments)}`
  const standing = isInterrupted ? 'interrupted' : 'under way'
  return `${standing}, ${met.handled ?? 0} of ${payments} done: ${done} ${verb}`
}

/** Why nothing was done to some. */
const LEFT = {
  lookUp: (some) => (some ? ', the others were not parked in doubt' : ''),
  redrive: (some) => (some ? ', the others were not rejected' : ''),
}

function metAt(instanceId, { circuit, payment, notUnderstood, acceptedAt, requestedAt }) {
  if (notUnderstood !== undefined) return `${instanceId} does not know this command`
  if (requestedAt !== undefined) {
    const fits = requestedAt.length === 0 ? 'none' : requestedAt.map(isoOf).join(', ')
    return `${instanceId} refused it: ${INSTANT_MET[payment]} (accepted ${isoOf(acceptedAt)}; known attempts there: ${fits})`
  }
  if (payment !== undefined) return `${instanceId} found it ${PAYMENT_MET[payment] ?? payment}`
  return circuit === undefined ? `${instanceId} obeys` : `${instanceId} obeys, it was ${circuit}`
}

/** Why a payment is not booked as settled by that instant. */
const INSTANT_MET = {
  untimely: 'nothing is requested before it is accepted, or later than now',
  unlisted: 'no known attempt has this instant',
}

function isoOf(instant) {
  return new Date(instant).toISOString()
}

/** How the order to resolve a payment found it. */
const PAYMENT_MET = {
  resolved: 'in doubt, and did it',
  notInDoubt: 'not in doubt there',
  busy: 'in work and not in doubt',
  owned: 'in the hands of another one',
}
