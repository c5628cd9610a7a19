import { defineConfig } from 'vitest/config'
import { longestFirst, reporting } from './vitest.shared.js'

/** The files that take longest, longest first in each project. The last projects have many short files, which fill both lanes. */
const longest = [
  'tests/packages/install.test.ts',
  'tests/snippets/snippets.test.ts',
  'tests/snippets/output.test.ts',
  'examples/first-steps/test/compare.test.ts',
  'examples/mnist/test/onnxruntime.test.ts',
  'examples/robustness/test/tasks.test.ts',
  'packages/conformance/test/core.test.ts',
  'packages/conformance/test/suiteData.test.ts',
  'packages/conformance/test/tensors.test.ts',
  'packages/conformance/test/protocol.test.ts',
  'packages/transformers/test/classification.test.ts',
  'packages/transformers/test/generation.test.ts',
  'packages/jax-js/test/conformance.wasm.test.ts',
  'packages/onnx-cli/test/kill.test.ts',
  'packages/sweep/test/redis.test.ts',
  'packages/sweep/test/threads.test.ts',
]

export default defineConfig({
  test: {
    projects: ['packages/*/vitest.config.ts', 'examples/vitest.config.ts', 'tests/vitest.config.ts'],
    passWithNoTests: false,
    // The default leaves a core to the main process, which is half of a machine with two.
    maxWorkers: '100%',
    sequence: { sequencer: longestFirst(longest) },
    ...reporting('unit'),
  },
})
