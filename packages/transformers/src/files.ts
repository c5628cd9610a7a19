import { optionError } from '@induced-metric/core/adapter'
import { coded, importNode, writeFileAtomically } from '@induced-metric/onnx/adapter'

/** The files of a model, by their paths in its folder, such as `onnx/model.onnx`. */
export interface ModelFiles {
  /** Returns the content of a file, or undefined if there is none. */
  readonly read: (path: string) => Promise<Uint8Array | undefined>
  /** Stores a file. Files that cannot be written, such as those of a server, lack it. */
  readonly write?: (path: string, content: Uint8Array) => Promise<void>
  /** Names the folder in errors. */
  readonly name: string
}

/** Files that can be written as well. */
export type WritableModelFiles = ModelFiles & Required<Pick<ModelFiles, 'write'>>

/**
 * A folder on disk: a model that was cloned, exported, or stored by Transformers.js in Node (`env.cacheDir` and the
 * model's name, joined).
 */
export function folderFiles(folder: string): WritableModelFiles {
  if (typeof folder !== 'string' || folder === '') throw optionError('folderFiles takes the path of a folder')
  return {
    name: folder,
    async read(path) {
      const { readFile } = await importNode('node:fs/promises')
      try {
        return new Uint8Array(await readFile(`${folder}/${path}`))
      } catch (error) {
        if ((error as { readonly code?: unknown }).code === 'ENOENT') return undefined
        throw coded('ERR_OPTION', `${folder}/${path} cannot be read`, error)
      }
    },
    async write(path, content) {
      const { mkdir } = await importNode('node:fs/promises')
      const target = `${folder}/${path}`
      await mkdir(target.slice(0, target.lastIndexOf('/')), { recursive: true })
      await writeFileAtomically(target, content)
    },
  }
}

/** The files of a model on a server, by the URL of its folder. A file that is answered with 404, or with a page, is none. */
export function urlFiles(folder: string | URL): ModelFiles {
  const base = String(folder).replace(/\/*$/, '/')
  return {
    name: base,
    async read(path) {
      let response: Response
      try {
        response = await fetch(base + path)
      } catch (error) {
        throw coded('ERR_OPTION', `${base}${path} cannot be read`, error)
      }
      // Servers of single-page applications answer with their page instead of 404.
      const isPage = response.headers.get('content-type')?.startsWith('text/html') === true
      if (response.status === 404 || isPage) return undefined
      if (!response.ok) throw optionError(`${base}${path} cannot be read: HTTP status ${response.status}`)
      return new Uint8Array(await response.arrayBuffer())
    },
  }
}

/** Where Transformers.js stores the files of models in a page. The names are those of its `env`. */
export interface CacheOptions {
  /** Default `'transformers-cache'`. */
  readonly cacheKey?: string
  /** Default `'https://huggingface.co/'`. */
  readonly remoteHost?: string
  /** Default `'{model}/resolve/{revision}/'`. */
  readonly remotePathTemplate?: string
  /** Default `'main'`. */
  readonly revision?: string
}

/**
 * The files that Transformers.js has in a page's cache. What is written there under a name of your own is a model that
 * `pipeline()` finds by this name, without a request.
 *
 * @param model the model's name, such as `'Xenova/bert-base-uncased'`
 * @throws ERR_OPTION where there is no Cache API: in Node use {@link folderFiles}
 */
export function cachedFiles(model: string, options: CacheOptions = {}): WritableModelFiles {
  const {
    cacheKey = 'transformers-cache',
    remoteHost = 'https://huggingface.co/',
    remotePathTemplate = '{model}/resolve/{revision}/',
    revision = 'main',
  } = options
  if (!('caches' in globalThis)) {
    throw optionError('there is no Cache API here; give the folder of the model: folderFiles(path)')
  }
  const folder = remotePathTemplate
    .replaceAll('{model}', model)
    .replaceAll('{revision}', encodeURIComponent(revision))
  const keyOf = (path: string): string =>
    [remoteHost, folder, path].map((part) => part.replace(/^\/+|\/+$/g, '')).join('/')
  return {
    name: `${model} in the cache ${cacheKey}`,
    async read(path) {
      const response = await (await caches.open(cacheKey)).match(keyOf(path))
      return response && new Uint8Array(await response.arrayBuffer())
    },
    async write(path, content) {
      const headers = { 'content-length': String(content.length) }
      const response = new Response(new Uint8Array(content), { headers })
      await (await caches.open(cacheKey)).put(keyOf(path), response)
    },
  }
}

/** Files in memory, by their paths. Written files are added to the map. */
export function memoryFiles(files: Map<string, Uint8Array> = new Map()): WritableModelFiles {
  return {
    name: 'the files',
    read: (path) => Promise.resolve(files.get(path)),
    write(path, content) {
      files.set(path, content)
      return Promise.resolve()
    },
  }
}
