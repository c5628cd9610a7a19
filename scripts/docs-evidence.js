// npm run docs:evidence
//
// Writes docs/evidence.md and its charts from the stored results of examples/paper and examples/optimizer-benchmark.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { evidenceFiles } from './evidence-files.js'
import { root } from './workspace.js'

for (const [file, content] of evidenceFiles()) writeFileSync(join(root, file), content)
