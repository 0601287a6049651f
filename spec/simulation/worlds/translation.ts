// From the end of an HTTP request to the answer of the port: Pit's own reading, which is under test.

import { chargeAnswer, lookUpAnswer, probeAnswer } from '../../../src/infra/processor/wire.ts'
import type { ChargeAnswer, LookUpAnswer, ProbeAnswer } from '../../../src/actors/model/ports.ts'
import type { RequestEnd } from '../../../src/infra/processor/in-flight-requests.ts'
import type { HttpEnd } from './http-ends.ts'

export function readCharge(end: HttpEnd): ChargeAnswer {
  return chargeAnswer(requestEnd(end))
}

export function readLookUp(end: HttpEnd, correlationId: string): LookUpAnswer {
  return lookUpAnswer(requestEnd(end), correlationId)
}

export function readProbe(end: HttpEnd): ProbeAnswer {
  return probeAnswer(requestEnd(end))
}

/** No cache is simulated. */
function requestEnd(end: HttpEnd): RequestEnd {
  return end.kind === 'answered' ? { ...end, isCached: false } : end
}
