// Planted faults in the books are caught by the rules that they break.

import { BOOK_FAULTS } from './book-faults.ts'
import { catchByRule } from './planted.ts'

catchByRule(BOOK_FAULTS)
