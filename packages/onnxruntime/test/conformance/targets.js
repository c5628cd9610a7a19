/** The adapter on the packages of ONNX Runtime, for the table, the tests across adapters and `induced-conformance`. */
import { onnxruntimeTarget } from './target.js'

export const targets = {
  async node() {
    const ort = await import('onnxruntime-node')
    const { node: version = '' } = ort.env.versions
    return onnxruntimeTarget(ort, { name: 'onnxruntime-node', version, backend: 'cpu' })
  },
  async web() {
    const ort = await import('onnxruntime-web/wasm')
    ort.env.wasm.numThreads = 1
    const { web: version = '' } = ort.env.versions
    return onnxruntimeTarget(ort, { name: 'onnxruntime-web', version, backend: 'wasm' })
  },
}
