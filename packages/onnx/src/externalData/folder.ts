import { allocated, reasonOf } from '../errors.js'
import { unreadable } from './location.js'
import type { ExternalData } from './resolve.js'
import { importNode } from '../node.js'

/** One call reads less than 2 GiB. */
const mostAtOnce = 2 ** 30

/**
 * Reads parts of files in the folder of a model. It follows symbolic links, but their target must be in the same
 * folder. If the model's own path is a link, that folder is the one of the linked file, as in the caches of model
 * hubs. It opens plain files only.
 */
export function externalDataBeside(model: string | URL): ExternalData {
  return async (location, offset, length) => {
    const { constants } = await importNode('node:fs')
    const { lstat, open, realpath } = await importNode('node:fs/promises')
    const paths = await importNode('node:path')
    const { fileURLToPath } = await importNode('node:url')
    const path = typeof model === 'string' ? model : fileURLToPath(model)
    const folder = paths.dirname(path)
    const attempt = async <T>(action: Promise<T>): Promise<T> =>
      action.catch((error: unknown) => {
        throw unreadable(location, reasonOf(error), { cause: error })
      })
    // On Windows a file can have several streams, and every folder has devices.
    if (process.platform === 'win32' && /:|(^|[\\/])(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(location))
      throw unreadable(location, 'it is no plain file')
    const real = await attempt(realpath(paths.join(folder, location)))
    const own = [await attempt(realpath(folder)), paths.dirname(await attempt(realpath(path)))]
    const isWithin = own.some((around) => {
      const relative = paths.relative(around, real)
      return relative !== '' && !/^\.\.($|[\\/])/.test(relative) && !paths.isAbsolute(relative)
    })
    if (!isWithin) throw unreadable(location, 'it leads out of the folder of the model')
    // Pipes and devices are not even opened: that alone may wait forever, or have an effect.
    if (!(await attempt(lstat(real))).isFile()) throw unreadable(location, 'it is no plain file')
    // Windows lacks the last two flags, which are undefined there and add nothing.
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
    const file = await attempt(open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK))
    try {
      const found = await attempt(file.stat())
      if (!found.isFile()) throw unreadable(location, 'it is no plain file')
      if (offset + length > found.size)
        throw unreadable(location, `it has ${found.size} bytes, and values end at ${offset + length}`)
      const bytes = allocated(`external data ${JSON.stringify(location)}`, () => new Uint8Array(length))
      for (let done = 0; done < length;) {
        const most = Math.min(mostAtOnce, length - done)
        const { bytesRead } = await attempt(file.read(bytes, done, most, offset + done))
        if (bytesRead === 0) throw unreadable(location, `it ends at byte ${offset + done}`)
        done += bytesRead
      }
      return bytes
    } finally {
      await file.close()
    }
  }
}
