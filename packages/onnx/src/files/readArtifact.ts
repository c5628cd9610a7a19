import { InducedMetricError, type ErrorCode } from '@induced-metric/core'
import { coded } from '../errors.js'
import { importNode } from '../node.js'

/** A file: its contents, its path or its URL. */
export type Artifact = Uint8Array | string | URL

/**
 * Reads a file. In Node a string is a path, or a URL that starts with `http:` or `https:`; in a page, a URL.
 *
 * @param what names the file in errors
 * @param code the code of those errors
 */
export async function readArtifact(artifact: Artifact, what: string, code: ErrorCode): Promise<Uint8Array> {
  if (artifact instanceof Uint8Array) return artifact
  if (typeof artifact !== 'string' && !(artifact instanceof URL)) {
    throw new InducedMetricError(
      code,
      `${what} must be a Uint8Array, a path or a URL, given ${typeof artifact}`,
    )
  }
  try {
    if (isRemote(artifact)) {
      const response = await fetch(artifact)
      if (!response.ok) throw new Error(`HTTP status ${response.status}`)
      return new Uint8Array(await response.arrayBuffer())
    }
    const { readFile } = await importNode('node:fs/promises')
    return await readFile(artifact)
  } catch (error) {
    throw coded(code, `${what} cannot be read from ${String(artifact)}`, error)
  }
}

/** Whether a file is fetched rather than read from disk. In a page it always is. */
export function isRemote(artifact: string | URL): boolean {
  const isNode = typeof process === 'object' && process.versions?.node !== undefined
  return !isNode || /^https?:/i.test(String(artifact))
}
