import { fail } from '../compare.js'
import type { Session } from '../target.js'

/** A session's state as bytes. Fails if an adapter declares checkpoints and has no `save`. */
export async function saveOf(session: Session): Promise<Uint8Array> {
  if (session.save === undefined) fail('the manifest declares checkpoint, but the session has no save()')
  // Copied, since the next save may reuse the memory.
  return (await session.save()).slice()
}

/** Loads bytes into a session. Fails if an adapter declares checkpoints and has no `load`. */
export async function loadInto(session: Session, bytes: Uint8Array): Promise<void> {
  if (session.load === undefined) fail('the manifest declares checkpoint, but the session has no load()')
  await session.load(bytes)
}

/** Bytes that are written in Base64. */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}
