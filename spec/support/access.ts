// Access to the console for specs of its parts: as at a machine without keys.

import { Access, type AccessOptions } from '../../src/console/access.ts'

export function openToAll(options: Partial<AccessOptions> = {}): Access {
  const nobody = { emit: () => undefined }
  return new Access({ isLoopback: true, now: () => 0, telemetry: nobody, ...options })
}
