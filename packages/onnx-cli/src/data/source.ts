import { readGiven } from '../io.js'
import { UsageError } from '../usageError.js'
import { readCsv } from './csv.js'
import type { Source } from './dataset.js'
import { readNpy } from './npy.js'

/**
 * Reads a file of data, given as `FILE` or `NAME=FILE`.
 *
 * @throws UsageError if it cannot be read or is not a table of numbers
 */
export async function readSource(given: string): Promise<Source> {
  const [, input, named] = /^([^=]*)=(.*)$/s.exec(given) ?? []
  const file = named ?? given
  if (file === '' || input === '')
    throw new UsageError(`--data takes FILE or NAME=FILE, given ${JSON.stringify(given)}`)
  const bytes = await readGiven(file)
  if (/\.npy$/i.test(file)) return { input, file, table: readNpy(bytes, file) }
  if (/\.(csv|tsv|txt)$/i.test(file))
    return { input, file, table: readCsv(new TextDecoder().decode(bytes), file) }
  throw new UsageError(`${file}: data come in .npy and .csv files`)
}
