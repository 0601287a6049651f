// An operators' port on a free port, with nothing behind it.

import type { OpsOptions } from '../../src/http/ops.ts'
import { loadWebServer } from '../../src/server/load-server.ts'

export const OPS: OpsOptions = {
  webServer: await loadWebServer('auto'),
  host: '127.0.0.1',
  port: 0,
  whyNotReady: () => undefined,
  metrics: () => Promise.resolve({ contentType: 'application/openmetrics-text', body: '# EOF\n' }),
  version: '0.0.0',
}
