// Planted faults in claims are caught by the rules that they break.

import { CLAIM_FAULTS } from './claim-faults.ts'
import { catchByRule } from './planted.ts'

catchByRule(CLAIM_FAULTS)
