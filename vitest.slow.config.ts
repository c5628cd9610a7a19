import { defineConfig } from 'vitest/config'
import { project, reporting, slowTests } from './vitest.shared.js'

// A minute each, on copies of the whole workspace.
export default defineConfig({
  test: {
    projects: [project('slow', { include: [slowTests], exclude: ['**/node_modules/**', '**/dist/**'] })],
    passWithNoTests: false,
    ...reporting('slow'),
  },
})
