import { readFileSync, writeFileSync, existsSync } from 'node:fs'
import { serialize, deserialize } from 'node:v8'
import * as ort from 'onnxruntime-node'
import { createFeatures } from './features/features.js'
import { readFeatureFiles } from './features/files.js'
import { buildCorpus, type Corpus } from './speech/build.js'
const [seed, phrase, file] = [Number(process.argv[2]), process.argv[3]!, process.argv[4]!]
const features = await createFeatures(ort, await readFeatureFiles(), { intraOpNumThreads: 1 })
const t = performance.now()
const corpus = await buildCorpus(features, { phrase, seed, flite: true, share: Number(process.argv[5] ?? 1), onProgress: (d, n) => { if (d % 10 === 0) console.log(d, n, Math.round((performance.now() - t) / 1000)) } })
const secs = (l: readonly {embeddings: Float32Array}[]) => l.reduce((s, x) => s + x.embeddings.length / 96 * .08, 0) / 3600
console.log('hours', secs(corpus.train), secs(corpus.validation.clean), secs(corpus.test.clean), secs(corpus.unseen.clean))
writeFileSync(file, serialize(corpus))
console.log('done', (performance.now() - t) / 1000)
