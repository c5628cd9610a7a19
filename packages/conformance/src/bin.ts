#!/usr/bin/env node
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { command, usage, type CommandOptions } from './cli.js'

/** Reads the command line; what it cannot read is said in words. */
function readArguments(): CommandOptions | string {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        target: { type: 'string' },
        json: { type: 'string' },
        filter: { type: 'string' },
        seed: { type: 'string' },
        path: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (positionals.length > 1) return `one target at a time, given ${positionals.join(' and ')}`
    const { target: name, ...others } = values
    return { ...others, name, target: positionals[0] }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const given = readArguments()
if (typeof given === 'string') {
  process.stderr.write(`induced-conformance: ${given}\n\n${usage}`)
  process.exitCode = 2
} else {
  process.exitCode = await command(given, {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    load: (path) => import(pathToFileURL(resolve(path)).href) as Promise<Record<string, unknown>>,
    write: (path, text) => writeFile(path, text),
  })
}
