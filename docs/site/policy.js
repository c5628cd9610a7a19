// The content security policy of the site: nothing from elsewhere, no eval, and of inline scripts only those that a page is built with.
import { createHash } from 'node:crypto'

/**
 * @param {string} html - a built page
 * @returns {string} the page with a policy that allows its own inline scripts
 */
export function addPolicy(html) {
  const hashes = [...html.matchAll(/<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, script = '']) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`,
  )
  const policy = [
    "default-src 'none'",
    // The wasm engine compiles its loops, in the playground and for a device of one's own.
    ["script-src 'self' 'wasm-unsafe-eval'", ...new Set(hashes)].join(' '),
    "worker-src 'self'",
    // The colours of code are in style attributes, which no hash can allow.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ]
  const meta = `<meta http-equiv="Content-Security-Policy" content="${policy.join('; ')}">`
  return html.replace('<meta charset="utf-8">', (charset) => `${charset}\n    ${meta}`)
}
