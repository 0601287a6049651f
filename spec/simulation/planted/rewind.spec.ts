// Planted faults after a rewind of PostgreSQL are caught by the rules that they break.

import { catchByRule } from './planted.ts'
import { REWIND_FAULTS } from './rewind-faults.ts'

catchByRule(REWIND_FAULTS)
