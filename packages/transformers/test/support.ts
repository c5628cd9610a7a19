import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { env, pipeline } from '@huggingface/transformers'
import { onTestFinished } from 'vitest'
import { folderFiles, type WritableModelFiles } from '../src/index.ts'

const models = join(dirname(fileURLToPath(import.meta.url)), 'models')

/** The folder of one of the models that models/make.py makes. */
export function modelFolder(name: 'bert' | 'bert-base' | 'gpt2' | 'llama'): WritableModelFiles {
  return folderFiles(join(models, name))
}

/** An empty folder, removed after the test, and the pipeline over it. */
export async function emptyFolder() {
  const path = await mkdtemp(join(tmpdir(), 'induced-metric-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return { path, files: folderFiles(join(path, 'model')), open: pipelineIn(path) }
}

/** Opens a folder in Transformers.js, which is not allowed to ask anybody else. */
function pipelineIn(folder: string) {
  return <T extends 'text-classification' | 'text-generation'>(task: T) => {
    env.allowRemoteModels = false
    env.localModelPath = folder
    return pipeline(task, 'model', { dtype: 'fp32' })
  }
}

/** Reviews: half of them say good things, half bad ones. */
export function reviews(words: { readonly good: readonly string[]; readonly bad: readonly string[] }) {
  const sentences = (word: string): string[] => [
    `the film was ${word}`,
    `a very ${word} story`,
    `it is really ${word}`,
    `the acting was ${word} and the music too`,
  ]
  const labelled = (list: readonly string[], label: string) =>
    list.flatMap((word) => sentences(word).map((text) => ({ text, label })))
  return [...labelled(words.good, 'positive'), ...labelled(words.bad, 'negative')]
}

export const words = {
  good: ['wonderful', 'great', 'lovely', 'brilliant', 'warm', 'superb'],
  bad: ['awful', 'dull', 'boring', 'terrible', 'slow', 'ugly'],
}
