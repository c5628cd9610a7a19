#!/usr/bin/env node
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { command, usage } from './cli.js'
import type { CommandIo, CommandOptions } from './commandIo.js'
import { conventionsCommand } from './conventionsCommand.js'
import { diffCommand } from './diffCommand.js'
import { optimizeLate } from './bin/optimizeLate.js'
import { splitCommand, startProcess } from './bin/process.js'

/** The task of the command line: a run, a comparison of two reports, or the conventions of a target. */
type Given =
  | CommandOptions
  | { readonly diff: readonly string[] }
  | { readonly conventions: Pick<CommandOptions, 'target' | 'name' | 'exec' | 'timeout' | 'json'> }

/** Reads the command line. An error is a message rather than a stack. */
function readArguments(): Given | string {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        target: { type: 'string' },
        exec: { type: 'string' },
        timeout: { type: 'string' },
        json: { type: 'string' },
        html: { type: 'string' },
        badge: { type: 'string' },
        thorough: { type: 'boolean' },
        filter: { type: 'string' },
        shard: { type: 'string' },
        failed: { type: 'string' },
        seed: { type: 'string' },
        path: { type: 'string' },
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (positionals[0] === 'diff' && values.help !== true) {
      const [option] = Object.keys(values)
      return option === undefined ? { diff: positionals.slice(1) } : `diff takes no --${option}`
    }
    if (positionals[0] === 'conventions' && values.help !== true) {
      const { target: name, exec, timeout, json, ...others } = values
      const [option] = Object.keys(others)
      if (option !== undefined) return `conventions takes no --${option}`
      return { conventions: { target: positionals[1], name, exec, timeout, json } }
    }
    if (positionals.length > 1) return `one target at a time, given ${positionals.join(' and ')}`
    const { target: name, ...others } = values
    return { ...others, name, target: positionals[0] }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const io: CommandIo = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  load: (path) => import(pathToFileURL(resolve(path)).href) as Promise<Record<string, unknown>>,
  // A target in another process brings no core, so the command brings the one that the suite depends on.
  // oxlint-disable-next-line eslint/no-restricted-imports
  loadCore: () => import('@induced-metric/core'),
  prepare: (command, timeout) => {
    const words = splitCommand(command)
    return () => startProcess(words, timeout)
  },
  read: (path) => readFile(path, 'utf8'),
  write: (path, text) => writeFile(path, text),
}
optimizeLate()
const given = readArguments()
if (typeof given === 'string') {
  io.err(`induced-conformance: ${given}\n\n${usage}`)
  process.exitCode = 2
} else {
  process.exitCode =
    'diff' in given
      ? await diffCommand(given.diff, io)
      : 'conventions' in given
        ? await conventionsCommand(given.conventions, io)
        : await command(given, io)
}
