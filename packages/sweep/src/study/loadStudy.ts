import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { messageOf, optionError } from '../errors.js'
import { completeStudy, type FullStudy, type Study } from './study.js'

/** A study and the file that it comes from. */
export interface LoadedStudy extends FullStudy {
  /** The file's URL, by which other threads load it. */
  readonly url: string
}

/** The URL of a study file. */
function studyUrl(file: string | URL): URL {
  if (file instanceof URL) return file
  return file.startsWith('file:') ? new URL(file) : pathToFileURL(resolve(file))
}

/**
 * Loads a study file: a module whose default export is a study, or which exports `run`, `space`, `metric` and so on by name.
 *
 * @throws ERR_OPTION if it cannot be loaded or is no study
 */
export async function loadStudy(file: string | URL): Promise<LoadedStudy> {
  const url = studyUrl(file)
  const path = fileURLToPath(url)
  let module: { readonly default?: Study }
  try {
    module = (await import(url.href)) as typeof module
  } catch (error) {
    throw optionError(`the study ${path} cannot be loaded: ${messageOf(error)}`, { cause: error })
  }
  const name = basename(path, extname(path)).replaceAll(/[^\w.-]/g, '_')
  // A copy, because the object of a module's exports is not a plain one.
  return { ...completeStudy(module.default ?? ({ ...module } as unknown as Study), name), url: url.href }
}

/**
 * Tells the version of a study, so that machines do not mix runs of different ones: 12 hexadecimal digits.
 *
 * @param url - of the study file
 * @param definition - the study as data, which may depend on other files
 */
export async function versionOf(url: string, definition: string): Promise<string> {
  const text = await readFile(new URL(url))
  return createHash('sha256').update(text).update(definition).digest('hex').slice(0, 12)
}
