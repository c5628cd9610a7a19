import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'libsql'
import { coded, messageOf } from '../errors.js'

/**
 * Takes a file of results for this process alone, by a lock of the operating system on a file beside it, which ends with
 * the process however that ends. Others may still read.
 *
 * @returns a function that gives the file back
 * @throws ERR_NOT_SUPPORTED if another process has it; ERR_CHECKPOINT if nothing can be written there
 */
export function lockStore(file: string): () => void {
  let lock: Database.Database
  if (!existsSync(dirname(file)))
    throw coded('ERR_CHECKPOINT', `${file} cannot be written: there is no folder ${dirname(file)}`)
  try {
    lock = new Database(`${file}-lock`, { timeout: 0 })
  } catch (error) {
    throw coded('ERR_CHECKPOINT', `${file} cannot be opened: ${messageOf(error)}`, error)
  }
  try {
    lock.exec('begin immediate')
  } catch (error) {
    lock.close()
    const why = messageOf(error)
    throw coded(
      'ERR_NOT_SUPPORTED',
      `${file} is in use by another sweep; wait for it or stop it, or name another file (${why})`,
      error,
    )
  }
  return () => {
    lock.exec('rollback')
    lock.close()
  }
}
