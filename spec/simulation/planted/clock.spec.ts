// Planted faults in claims are caught by the rules that they break.

import { CLOCK_FAULTS } from './clock-faults.ts'
import { catchByRule } from './planted.ts'

catchByRule(CLOCK_FAULTS)
