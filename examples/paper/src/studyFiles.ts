import { fileURLToPath } from 'node:url'

/** The modules of the studies. */
const files = {
  mnist: 'mnist',
  'mnist-controls': 'mnistControls',
  'mnist-sweep': 'mnistSweep',
  regression: 'regression',
  functions: 'functions',
  gpt: 'gpt',
} as const

export type StudyId = keyof typeof files

export const studyIds = Object.keys(files) as StudyId[]

/** The compiled module of a study. */
export function studyUrl(id: StudyId): URL {
  return new URL(`./studies/${files[id]}.js`, import.meta.url)
}

/** The files of the sweeps; a quick look has a folder of its own. */
export const cacheFolder = process.env['PAPER_CACHE'] ?? pathOf('../.cache')

/** The compact results that are committed. */
export const resultsFolder = pathOf('../results')

function pathOf(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}
