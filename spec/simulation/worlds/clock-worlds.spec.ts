// Clocks that are set and machines that are suspended: deadlines, leases and due times hold.

import {
  clockStepsBack,
  clockStepsBackOverParked,
  clockStepsForward,
  instanceClocksStep,
  suspension,
} from './fixed.ts'
import { holdsIn } from './hold.ts'

const WHILE = {
  oneDies: 'while an instance dies',
  oneHangs: 'while an instance hangs',
  allLive: 'while nobody dies',
} as const

for (const what of ['oneDies', 'oneHangs', 'allLive'] as const) {
  for (const seconds of [2, 30, 3600]) {
    holdsIn(
      `payments are paid once when PostgreSQL's clock steps ${seconds} s forward ${WHILE[what]}`,
      clockStepsForward(seconds * 1000, what),
      // Between two living instances not each step does harm.
      what === 'allLive' ? 8 : 2,
    )
  }
}

for (const seconds of [2, 300, 3600]) {
  holdsIn(
    `no payment is stranded when PostgreSQL's clock steps ${seconds} s back and an instance dies`,
    clockStepsBack(seconds * 1000),
  )
  holdsIn(
    `no parked payment is stranded when PostgreSQL's clock steps ${seconds} s back`,
    clockStepsBackOverParked(seconds * 1000),
  )
}

for (const lengths of [0.5, 1.5, 4]) {
  holdsIn(
    `a machine suspended for ${lengths} lengths of a lease sends nothing that others have taken over`,
    suspension(lengths),
  )
}

for (const seconds of [2, 300, 3600]) {
  holdsIn(
    `payments are paid once when the clocks of instances step by ${seconds} s`,
    instanceClocksStep(seconds * 1000),
  )
}
