/** The target on onnxruntime-node: for the tests, and for `induced-conformance packages/onnxruntime/test/conformance/node.js`. */
import * as ort from 'onnxruntime-node'
import { onnxruntimeTarget } from './target.js'

const { node: version = '' } = ort.env.versions

export const target = onnxruntimeTarget(ort, { name: 'onnxruntime-node', version, backend: 'cpu' })
