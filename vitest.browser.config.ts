import { defineConfig } from 'vitest/config'
import { browserTests, longestFirst, project, reporting } from './vitest.shared.js'

/**
 * The files that take longest, longest first. With these begun first, both lanes end at about the same time. The first one builds the
 * site, which others look at later.
 */
const longest = [
  'tests/playground.browser.test.ts',
  'examples/wake-word/test/page.browser.test.ts',
  'packages/tfjs/test/backends.browser.test.ts',
  'packages/jax-js/test/gpu.browser.test.ts',
  'examples/gpu/test/page.browser.test.ts',
  'packages/onnxruntime/test/browser/gpu.browser.test.ts',
  'examples/finetune-text/test/page.browser.test.ts',
  'packages/onnxruntime/test/browser/page.browser.test.ts',
  'packages/conformance/test/gpu.browser.test.ts',
  'packages/tfjs/test/kernels.browser.test.ts',
]

// Each file starts its own Chromium. Two run at a time: half of the time of one, a core waits for it.
export default defineConfig({
  test: {
    projects: [
      project('browser', {
        include: [browserTests],
        exclude: ['**/node_modules/**', '**/dist/**'],
        testTimeout: 600_000,
        hookTimeout: 600_000,
        // The files of a lane share its modules: the suite, the toolchain of ONNX, Vite.
        isolate: false,
        env: { CHROMIUM_PATH: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium' },
      }),
    ],
    sequence: { sequencer: longestFirst(longest) },
    maxWorkers: 2,
    passWithNoTests: false,
    ...reporting('browser'),
  },
})
