// Debian's PostgreSQL with an archive of its log, and what docs/DATABASE.md has an operator type to back
// it up and to restore it.

import assert from 'node:assert'
import { spawn } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { parse } from 'yaml'
import { POSTGRES_BIN } from '../../../bench/cluster/programs.ts'
import { createPart, type Part } from '../../../bench/layout/part.ts'
import type { StoresPlace } from '../../../bench/layout/plan.ts'
import { ordinaryAccount, type PostgresPart } from '../../../bench/layout/postgres.ts'
import { projectRoot } from '../../../bench/layout/project.ts'

/** Bound on one command, ms. */
const COMMAND_MS = 120_000

export class RestorablePostgres {
  readonly url: string
  readonly #port: number
  readonly #place: StoresPlace
  readonly #account = process.getuid?.() === 0 ? ordinaryAccount() : undefined
  /** All that is its own: data, backups and archive. */
  readonly #home: string
  #restores = 0
  #part: Part | undefined

  constructor(place: StoresPlace, port: number) {
    this.#place = place
    this.#port = port
    this.#home = join(place.dir, 'db')
    this.url = `postgresql://pit@127.0.0.1:${port}/postgres`
  }

  /** Makes a cluster and starts it. */
  async make(): Promise<PostgresPart> {
    mkdirSync(this.#home)
    if (this.#account !== undefined) chownSync(this.#home, this.#account.uid, this.#account.gid)
    const initdb = 'initdb -D data --data-checksums -U pit -A trust -E UTF8 --locale=C'
    await this.#type(`${initdb} && mkdir archive`)
    const part = await this.#start('data')
    return Object.assign(part, { url: this.url, madeSeconds: 0 })
  }

  /** A full backup of the running server, verified. What it takes, kB. */
  async backUp(): Promise<number> {
    await this.#type(`pg_basebackup -d ${this.url} -D backup --checkpoint=fast`)
    await this.#type('pg_verifybackup --quiet backup')
    return Number((await this.#type('du -sk backup')).split('\t')[0])
  }

  /** Has the log archived up to now, as `archive_timeout` does by and by. */
  async switchLog(): Promise<void> {
    const file = await this.#ask('SELECT pg_walfile_name(pg_switch_wal())')
    await this.#type(`timeout 60 sh -c 'until test -e archive/${file}; do sleep 0.1; done'`)
  }

  now(): Promise<string> {
    return this.#ask('SELECT now()::text')
  }

  /** The server is killed and its disk is gone. */
  async lose(): Promise<void> {
    this.#running.kill('SIGKILL')
    await this.#running.ended()
    await this.#type(`rm -rf ${this.#folder}`)
  }

  /** A stop in good order, which archives all of the log. */
  stop(): Promise<void> {
    return this.#running.stop()
  }

  /** A new server from the backup and the archive, up to its end or to an instant. */
  async restore(until?: string): Promise<void> {
    this.#restores += 1
    const folder = this.#folder
    const target =
      until === undefined
        ? []
        : [`recovery_target_time = '${until}'`, "recovery_target_action = 'promote'"]
    const lines = [`restore_command = 'cp ${this.#home}/archive/%f %p'`, ...target]
    await this.#type(`cp -a backup ${folder}`)
    await this.#type(
      `cat >> ${folder}/postgresql.auto.conf && touch ${folder}/recovery.signal`,
      lines.map((line) => `${line}\n`).join(''),
    )
    await this.#start(folder)
  }

  get #running(): Part {
    assert(this.#part !== undefined, 'PostgreSQL was started')
    return this.#part
  }

  get #folder(): string {
    return this.#restores === 0 ? 'data' : `restored-${this.#restores}`
  }

  async #start(folder: string): Promise<Part> {
    const settings = {
      config_file: join(projectRoot(), 'compose/production.postgresql.conf'),
      listen_addresses: '127.0.0.1',
      port: String(this.#port),
      unix_socket_directories: '',
      shared_buffers: '64MB',
      archive_mode: 'on',
      archive_command: archiveCommand(join(this.#home, 'archive')),
      archive_timeout: '60s',
    }
    const part = createPart({
      name: folder === 'data' ? 'postgres' : folder,
      command: join(POSTGRES_BIN, 'postgres'),
      args: [
        '-D',
        join(this.#home, folder),
        ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
      dir: this.#place.dir,
      account: this.#account,
      stopSignal: 'SIGINT',
      ready: () => this.#takesWrites(),
    })
    this.#part = part
    return await this.#place.started(part)
  }

  async #takesWrites(): Promise<boolean> {
    const recovers = await this.#ask('SELECT pg_is_in_recovery()::text').catch(() => undefined)
    return recovers === 'false'
  }

  /** The one value that a query gives. */
  async #ask(text: string): Promise<string> {
    const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: 1000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      const { rows } = await client.query<string[]>({ text, rowMode: 'array' })
      return rows[0]?.[0] ?? ''
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  /** A line as PostgreSQL's own account types it, in its folder. What it printed. */
  async #type(line: string, input = ''): Promise<string> {
    const child = spawn('/bin/sh', ['-c', line], {
      cwd: this.#home,
      env: { PATH: `${POSTGRES_BIN}:${process.env['PATH'] ?? ''}`, LC_ALL: 'C' },
      timeout: COMMAND_MS,
      ...this.#account,
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
    }
    // A program that ends without reading it breaks the pipe: its exit code says whether that is wrong.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code !== 0) throw new Error(`drill: ${line}: ${String(code)}\n${said}`)
    return said
  }
}

/** The one of the cluster's nodes. */
function archiveCommand(archive: string): string {
  const text = readFileSync(join(projectRoot(), 'compose/patroni.yml'), 'utf8')
  const settings = parse(text.replaceAll('/archive/', `${archive}/`)) as {
    bootstrap: { dcs: { postgresql: { parameters: { archive_command: string } } } }
  }
  return settings.bootstrap.dcs.postgresql.parameters.archive_command
}
