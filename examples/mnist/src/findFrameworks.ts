import { readdir } from 'node:fs/promises'
import { extname } from 'node:path'

import type { Framework } from './training/framework.js'

/** The frameworks of the demonstration, by name: each module in `frameworks` exports one as `framework`. */
export async function findFrameworks(): Promise<Framework[]> {
  // Lists the sources, because a build keeps the output of deleted ones.
  const files = await readdir(new URL('../src/frameworks/', import.meta.url))
  const names = files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -'.ts'.length))
  return Promise.all(names.sort().map(load))
}

async function load(name: string): Promise<Framework> {
  const { href } = new URL(`frameworks/${name}${extname(import.meta.url)}`, import.meta.url)
  const { framework } = (await import(href)) as { readonly framework?: Framework }
  if (framework?.id !== name)
    throw new Error(`src/frameworks/${name}.ts has to export a framework whose id is ${name}`)
  return framework
}
