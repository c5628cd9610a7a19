// What a page asks of the GPU: counted where it is asked, whoever asks.

/**
 * @typedef {object} Counts
 * @property {number} launches - dispatches on webgpu, draws on webgl
 * @property {number} submits - of command buffers to the queue of webgpu
 * @property {number} bytes - read back
 */

/** @type {Counts} */
const counts = { launches: 0, submits: 0, bytes: 0 }

/** Calls `before` with the arguments, ahead of every call of a method. */
function watch(owner, methods, before) {
  const prototype = globalThis[owner]?.prototype
  for (const method of methods) {
    const original = prototype?.[method]
    if (original === undefined) continue
    prototype[method] = function (...given) {
      before.call(this, ...given)
      return original.apply(this, given)
    }
  }
}

const launch = () => void counts.launches++
watch('GPUComputePassEncoder', ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect'], launch)
watch('WebGL2RenderingContext', ['drawElements', 'drawArrays'], launch)
watch('GPUQueue', ['submit'], () => void counts.submits++)
watch('GPUBuffer', ['mapAsync'], function (mode, offset = 0, size = this.size - offset) {
  if (mode === 1) counts.bytes += size
})
watch('WebGL2RenderingContext', ['readPixels'], (_x, _y, width, height) => {
  counts.bytes += 16 * width * height
})

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

/**
 * Takes steps, and gives what the last of them asked of the GPU, and medians of the milliseconds until the call had come back and
 * until the device was done.
 *
 * @param {(step: number) => unknown} step
 * @param {() => Promise<unknown>} done - waits for the device
 * @param {{ steps: number, untimed: number }} options - steps in all, and how many of them, from the first on, only warm up
 */
export async function measure(step, done, { steps, untimed }) {
  const [host, whole] = [[], []]
  /** @type {Counts} */
  let found = { ...counts }
  for (let i = 0; i < steps; i++) {
    await done()
    Object.assign(counts, { launches: 0, submits: 0, bytes: 0 })
    const start = performance.now()
    await step(i)
    const returned = performance.now()
    found = { ...counts }
    await done()
    if (i < untimed) continue
    host.push(returned - start)
    whole.push(performance.now() - start)
  }
  return { ...found, host: median(host), whole: median(whole) }
}
