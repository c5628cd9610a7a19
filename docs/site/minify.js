// Makes the site's code and style small: Oxc's minifier leaves less of the code than esbuild does, and the style loses what no page can use.
import { transform } from 'lightningcss'
import { minify } from 'rolldown/utils'

/** @typedef {NonNullable<NonNullable<import('vitepress').UserConfig['vite']>['plugins']>[number]} Plugin */

/**
 * Minifies the code of pages and of workers.
 *
 * @returns {Plugin} a plugin of Vite's
 */
export function minifyPlugin() {
  return {
    name: 'minify',
    apply: (_, { isSsrBuild }) => isSsrBuild !== true,
    renderChunk: {
      // After esbuild, which brings newer syntax to that of the target.
      order: 'post',
      async handler(code, { fileName }) {
        const { code: small, errors } = await minify(fileName, code, {
          module: true,
          compress: { target: 'es2022' },
          mangle: { toplevel: true },
        })
        if (errors.length > 0) throw new Error(`${fileName} cannot be minified: ${errors[0]?.message}`)
        return { code: small, map: null }
      },
    },
  }
}

/** Classes and variables. */
const names = /(?<=\.)[A-Za-z_][\w-]*|--[\w-]+/g

/**
 * @param {string} name - of a class or variable
 * @param {ReadonlySet<string>} words
 * @returns {boolean} whether it is a word, or is a class that a word which ends or begins with a hyphen is a part of, as `level-` and `-enter-to`
 */
function isNamed(name, words) {
  if (words.has(name) || name.startsWith('--')) return words.has(name)
  const hyphens = [...name.matchAll(/-/g)].map(({ index }) => index)
  return hyphens.some((at) => words.has(name.slice(0, at + 1)) || words.has(name.slice(at)))
}

/**
 * @param {string} style
 * @param {ReadonlySet<string>} words - those that can be names of classes, or parts of them, or are variables that scripts read
 * @returns {string} the style, minified, without classes that the words do not name, and without variables that nothing reads
 */
export function leanStyle(style, words) {
  let left = style
  for (;;) {
    const used = new Set(left.match(/(?<=var\(\s*)--[\w-]+/g))
    const unused = new Set(left.match(names)?.filter((name) => !used.has(name) && !isNamed(name, words)))
    const code = Buffer.from(left)
    const next = transform({ filename: 'style.css', code, minify: true, unusedSymbols: [...unused] })
    const text = Buffer.from(next.code).toString('utf8')
    // A variable may be read by one that is left out.
    if (text === left) return left
    left = text
  }
}

/**
 * What can be the name of a class in a file of code: every word of a script; of a page, which is mostly text, those in its classes.
 *
 * @param {string} code
 * @param {boolean} isPage
 * @returns {string[]}
 */
function wordsOf(code, isPage) {
  const parts = isPage ? (code.match(/class\w*\\?["'`]?[=:]\s*\\?["'`][^"'`]*/gi) ?? []) : [code]
  return parts.flatMap((part) => part.match(/[\w-]+/g) ?? [])
}

/**
 * Leaves the parts of the style out that no page can use.
 *
 * @returns {Plugin} a plugin of Vite's
 */
export function leanStylePlugin() {
  return {
    name: 'lean-style',
    enforce: 'post',
    apply: (_, { isSsrBuild }) => isSsrBuild !== true,
    generateBundle(_, bundle) {
      const files = Object.values(bundle)
      const words = new Set(
        files.flatMap((file) =>
          file.type === 'chunk' ? wordsOf(file.code, file.facadeModuleId?.endsWith('.md') ?? false) : [],
        ),
      )
      for (const file of files) {
        if (file.type !== 'asset' || !file.fileName.endsWith('.css')) continue
        const source = leanStyle(Buffer.from(file.source).toString('utf8'), words)
        delete bundle[file.fileName]
        // Its name has a digest of what it holds now.
        this.emitFile({ type: 'asset', name: 'style.css', source })
      }
    },
  }
}
