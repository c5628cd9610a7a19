import { mountConformance } from '@induced-metric/conformance'
import * as ort from 'onnxruntime-node'
import { describe, it } from 'vitest'
import { onnxruntimeTarget } from './conformance/target.js'

const version = ort.env.versions.node ?? ''
mountConformance(onnxruntimeTarget(ort, { name: 'onnxruntime-node', version, backend: 'cpu' }), {
  describe,
  it,
})
