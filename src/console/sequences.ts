// The messages between actors that belong to one payment, kept for the payments inspected last.

import type { AnyEventObject } from 'xstate'
import { isPayment, nameOf, paymentsIn, type Inspection } from './inspector-hook.ts'

export interface Message {
  /** Since the payment's first message, ms. */
  readonly atMs: number
  readonly from: string
  readonly to: string
  readonly event: string
  /** The payment's state after it, where it changed. */
  readonly state?: string
}

export interface Sequences {
  note(inspection: Inspection): void
  /** Undefined for a payment that was not inspected, though its batch was. */
  messagesOf(correlationId: string): readonly Message[] | undefined
}

/** Payments kept, and messages of each. */
const PAYMENTS_MAX = 2_000
const MESSAGES_MAX = 80

interface Sequence {
  readonly startedAt: number
  readonly messages: Message[]
  state: string
}

/** `now`: monotonic, ms. */
export function createSequences(now: () => number): Sequences {
  const kept = new Map<string, Sequence>()
  const sequenceOf = (id: string): Sequence => {
    const known = kept.get(id)
    if (known !== undefined) return known
    const [oldest] = kept.keys()
    if (kept.size >= PAYMENTS_MAX && oldest !== undefined) kept.delete(oldest)
    const begun: Sequence = { startedAt: now(), messages: [], state: 'pending' }
    kept.set(id, begun)
    return begun
  }
  const add = (id: string, message: Omit<Message, 'atMs'>): void => {
    const { messages, startedAt } = sequenceOf(id)
    if (messages.length < MESSAGES_MAX) messages.push({ atMs: now() - startedAt, ...message })
  }
  return {
    note(inspection) {
      if (inspection.type === '@xstate.actor') return
      if (inspection.type === '@xstate.snapshot') {
        const payment = paymentSnapshot(inspection.snapshot)
        if (!isPayment(inspection.actorRef) || payment === undefined) return
        noteState(sequenceOf(payment.id), payment, (message) => add(payment.id, message))
        return
      }
      if (inspection.event.type === QUERY) return
      const message = messageOf(inspection)
      for (const id of paymentsOf(inspection)) add(id, message)
    },
    messagesOf: (correlationId) => {
      const messages = kept.get(correlationId)?.messages
      return messages?.some(({ to }) => to === 'payment') === true ? messages : undefined
    },
  }
}

/** A reader's query, such as the console's own, is no part of the payment's life. */
const QUERY = 'payment.requested'

interface PaymentSnapshot {
  readonly id: string
  readonly state: string
  readonly processor: string | undefined
}

function paymentSnapshot(snapshot: unknown): PaymentSnapshot | undefined {
  if (snapshot === undefined) return undefined
  const { value, context } = snapshot as {
    readonly value?: unknown
    readonly context?: {
      readonly record?: { readonly correlationId: string }
      readonly attempt?: { readonly processor: string } | null
    }
  }
  const id = context?.record?.correlationId
  if (typeof value !== 'string' || id === undefined) return undefined
  return { id, state: value, processor: context?.attempt?.processor }
}

/** Adds to the last message the state it led to, and the charge that such a state begins with. */
function noteState(
  sequence: Sequence,
  { state, processor }: PaymentSnapshot,
  add: (message: Omit<Message, 'atMs'>) => void,
): void {
  if (sequence.state === state) return
  sequence.state = state
  // What the payment has sent to others since comes after the message that changed its state.
  const index = sequence.messages.findLastIndex(({ to }) => to === 'payment')
  const cause = sequence.messages[index]
  if (cause !== undefined) sequence.messages[index] = { ...cause, state }
  if (state.startsWith('trying') && processor !== undefined) {
    add({ from: 'payment', to: `processor ${processor}`, event: 'POST /payments' })
  }
}

type Sent = Extract<Inspection, { type: '@xstate.event' }>

function paymentsOf({ actorRef, event }: Sent): readonly string[] {
  const named = paymentsIn(event)
  if (named.length > 0 || !isPayment(actorRef)) return named
  const snapshot = paymentSnapshot(actorRef.getSnapshot())
  return snapshot === undefined ? [] : [snapshot.id]
}

function messageOf(sent: Sent): Omit<Message, 'atMs'> {
  const { actorRef, event } = sent
  return { from: senderOf(sent), to: nameOf(actorRef), event: WORDS[event.type] ?? event.type }
}

const WORDS: Readonly<Record<string, string>> = {
  'xstate.init': 'spawned',
  'xstate.done.actor.payment': 'done',
}

/** Events sent from outside an actor's own step name no sender; it follows from their type. */
function senderOf({ actorRef, sourceRef, event }: Sent): string {
  if (sourceRef !== undefined) return nameOf(sourceRef)
  if (event.type.startsWith('charge.') || /^lookup\.(found|missing|failed)$/.test(event.type)) {
    const processor = processorOf(event) ?? paymentSnapshot(actorRef.getSnapshot())?.processor
    return processor === undefined ? 'processor' : `processor ${processor}`
  }
  const known = SENDERS[`${event.type} ${nameOf(actorRef)}`]
  if (known !== undefined) return known
  return actorRef._parent === undefined ? 'http' : nameOf(actorRef._parent)
}

function processorOf(event: AnyEventObject): string | undefined {
  const processor: unknown = event['processor']
  return typeof processor === 'string' ? processor : undefined
}

/** By event and recipient, where the sender is not the recipient's parent. */
const SENDERS: Readonly<Record<string, string>> = {
  'payment.received acceptBatcher': 'supervisor',
  'outcome.reached outcomeBatcher': 'payments',
  'payments.accepted payments': 'acceptBatcher',
}
