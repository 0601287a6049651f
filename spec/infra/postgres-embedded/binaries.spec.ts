import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findPostgresBinaries } from '../../../src/infra/postgres-embedded/binaries.ts'
import { makeFolder } from '../../support/embedded-postgres.ts'

t.test('where the loader of its programs is missing, as on musl, glibc is named', async (t) => {
  const folder = await packageOf(t, '#!/no/such/loader\n')

  await t.rejects(findPostgresBinaries(folder, {}), {
    message: `PostgreSQL's programs in ${folder} need glibc, which is not here; set DATABASE_URL to another PostgreSQL`,
  })
})

t.test('programs that are missing or end with an error are told as that', async (t) => {
  const empty = await makeFolder(t)
  const failing = await packageOf(t, "#!/bin/sh\necho 'version GLIBC_2.99 not found' >&2; exit 1\n")

  const instead = 'set DATABASE_URL to another PostgreSQL'
  await t.rejects(findPostgresBinaries(empty, {}), {
    message: `PostgreSQL's programs in ${empty} cannot be run: spawn ${empty}/native/bin/postgres ENOENT; ${instead}`,
  })
  await t.rejects(findPostgresBinaries(failing, {}), {
    message: `PostgreSQL's programs in ${failing} cannot be run: version GLIBC_2.99 not found; ${instead}`,
  })
})

/** A package whose `postgres` is a script. */
async function packageOf(t: Test, script: string): Promise<string> {
  const folder = await makeFolder(t)
  await mkdir(join(folder, 'native/bin'), { recursive: true })
  await writeFile(join(folder, 'native/bin/postgres'), script, { mode: 0o755 })
  return folder
}
