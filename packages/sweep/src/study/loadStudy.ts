import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { messageOf, optionError } from '../errors.js'
import { completeStudy, notInNames, type FullStudy, type Study } from './study.js'

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
    const isThere = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    )
    const reason = isThere ? `${reasonOf(error)}${placeOf(error, url)}` : 'there is no such file'
    throw optionError(`the study ${path} cannot be loaded: ${reason}`, { cause: error })
  }
  if (module.default === undefined && !('run' in module)) {
    const others = Object.keys(module)
    const found = others.length === 0 ? 'no exports' : `only the exports ${others.join(', ')}`
    throw optionError(
      `the study ${path} has ${found}: write export default defineStudy({ … }), or export run, space and metric`,
    )
  }
  const name = basename(path, extname(path)).replaceAll(notInNames, '_')
  // A copy, because the object of a module's exports is not a plain one.
  return { ...completeStudy(module.default ?? ({ ...module } as unknown as Study), name), url: url.href }
}

/** What an error says, without a code, which the error around it has. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^ERR_\w+: /, '')
}

/** The line of the study at which an error arose, where its stack names it. */
function placeOf(error: unknown, { href }: URL): string {
  const path = fileURLToPath(href)
  // Node keeps the place of a syntax error to itself, and prints it where the error is not caught.
  if (error instanceof SyntaxError) return `; node ${path} shows where`
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const [line] = [href, path].flatMap((file) => {
    const at = stack.indexOf(`${file}:`)
    return at === -1 ? [] : [Number.parseInt(stack.slice(at + file.length + 1), 10)]
  })
  return line === undefined ? '' : ` (${path}:${line})`
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
