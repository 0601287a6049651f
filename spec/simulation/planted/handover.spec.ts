// Planted faults in handovers, and failing actors, are caught by the rules that they break.

import { HANDOVER_FAULTS } from './handover-faults.ts'
import { catchByRule } from './planted.ts'

catchByRule(HANDOVER_FAULTS)
