// Which payments are traced and under which ids. All follows from the correlationId, so that every
// instance chooses the same payments and adds to the same trace without telling the others.

/** Which payments are traced. A correlationId is a lower-case UUID. */
export interface TraceSample {
  has(correlationId: string): boolean
}

/** One payment in `oneIn`, by the last digits of its id, which are random in a UUID of any kind. */
export function traceSample(oneIn: number): TraceSample {
  return {
    has: (correlationId) =>
      Number.parseInt(correlationId.slice(-8), 16) % oneIn === 0 && correlationId !== NIL,
  }
}

/** 32 hex digits: a UUID is a trace id as it is. */
export function traceIdOf(correlationId: string): string {
  return correlationId.replaceAll('-', '')
}

/** 16 hex digits; of the span that all others of the payment hang under. */
export function rootSpanIdOf(correlationId: string): string {
  const id = traceIdOf(correlationId).slice(16)
  return id === NO_SPAN ? id.replace(/0$/, '1') : id
}

/** No valid trace id. */
const NIL = '00000000-0000-0000-0000-000000000000'
const NO_SPAN = '0000000000000000'
