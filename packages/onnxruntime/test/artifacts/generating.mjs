// Generates artifacts from the models that it receives, and reports the results. It is a process of its own because
// the runtime's reader of models is native code, which could end it.
import { generateArtifacts } from '../../dist/artifacts.js'

process.on('message', (/** @type {Uint8Array} */ bytes) => {
  void generate(bytes).then((outcome) =>
    process.send?.({ outcome, megabytes: Math.round(process.resourceUsage().maxRSS / 1024) }),
  )
})

/** @param {Uint8Array} bytes */
async function generate(bytes) {
  try {
    await generateArtifacts(bytes, { loss: 'mse', optimizer: 'adamw' })
    return 'generated'
  } catch (error) {
    if (!(error instanceof Error)) return `UNEXPECTED ${String(error)}`
    return 'code' in error && /^ERR_[A-Z_]+: /.test(error.message)
      ? String(error.code)
      : `UNEXPECTED ${error.stack}`
  }
}
