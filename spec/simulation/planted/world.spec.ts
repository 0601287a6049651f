// Planted faults that drawn worlds show are caught by the rules that they break.

import { WORLD_FAULTS } from './world-faults.ts'
import { catchByRule } from './planted.ts'

catchByRule(WORLD_FAULTS)
