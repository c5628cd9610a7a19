import { defineConfig } from 'vitest/config'
import { project, reporting, slowTests } from './vitest.shared.js'

// A minute each: on a copy of the whole workspace, or of speech.
export default defineConfig({
  test: {
    projects: [
      project('slow', {
        include: [slowTests],
        exclude: ['**/node_modules/**', '**/dist/**'],
        setupFiles: ['packages/onnx/test/oneThread.ts'],
      }),
    ],
    maxWorkers: '100%',
    passWithNoTests: false,
    ...reporting('slow'),
  },
})
