// Planted faults at processors are caught by the rules that they break.

import { PROCESSOR_FAULTS } from './processor-faults.ts'
import { catchByRule } from './planted.ts'

catchByRule(PROCESSOR_FAULTS)
