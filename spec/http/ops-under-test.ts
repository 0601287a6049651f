// An operators' port on a free port, with nothing behind it.

import type { OpsOptions } from '../../src/http/ops.ts'

export const OPS: OpsOptions = {
  host: '127.0.0.1',
  port: 0,
  whyNotReady: () => undefined,
  metrics: () => Promise.resolve({ contentType: 'application/openmetrics-text', body: '# EOF\n' }),
  version: '0.0.0',
}
