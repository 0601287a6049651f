// Planted faults in following orders are caught by the rules that they break.

import { ORDER_FAULTS } from './order-faults.ts'
import { catchByRule } from './planted.ts'

catchByRule(ORDER_FAULTS)
