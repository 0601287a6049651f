// The programs of a cluster, as Debian's packages install them.

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** What Debian calls the package of each program, and of PostgreSQL's folder. */
const PACKAGES = {
  patroni: 'patroni',
  etcd: 'etcd-server',
  haproxy: 'haproxy',
  'redis-server': 'redis-server',
  nginx: 'nginx',
} as const

export const POSTGRES_BIN = '/usr/lib/postgresql/15/bin'

export interface Programs {
  readonly patroni: string
  readonly etcd: string
  readonly haproxy: string
  /** Folder of postgres, initdb, pg_ctl and the others. */
  readonly postgresBin: string
}

/** Packages that are missing here, as Debian calls them. */
export function missingPackages(): readonly string[] {
  const missing = Object.entries(PACKAGES).flatMap(([program, name]) =>
    find(program) === undefined ? [name] : [],
  )
  return isProgram(join(POSTGRES_BIN, 'postgres')) ? missing : [...missing, 'postgresql-15']
}

/** Throws an error that names each package that is missing. */
export function clusterPrograms(): Programs {
  const missing = missingPackages()
  if (missing.length > 0) throw new Error(`cluster: not installed: ${missing.join(', ')}`)
  const path = (name: keyof typeof PACKAGES): string => find(name) ?? name
  return {
    patroni: path('patroni'),
    etcd: path('etcd'),
    haproxy: path('haproxy'),
    postgresBin: POSTGRES_BIN,
  }
}

function find(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  return folders.map((folder) => join(folder, program)).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
