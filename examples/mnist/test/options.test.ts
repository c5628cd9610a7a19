import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { expect, test } from 'vitest'

import { parseOptions } from '../src/options.js'

const choices = { optimizers: ['adam', 'sgd', 'log'], frameworks: ['tfjs', 'other'] }
const all = { ...choices, rates: ['adam', 'lion'] }

function parse(...argv: string[]) {
  let [out, err] = ['', '']
  const parsed = parseOptions(argv, all, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
  })
  return { parsed, out, err }
}

test('no argument means three epochs of everything', () => {
  expect(parse().parsed).toEqual({
    options: { epochs: 3, ...choices, seed: 0, limit: 58, output: resolve('report.html') },
  })
})

test('every option is read', () => {
  const output = join(tmpdir(), 'r.html')
  const text = `--epochs 2 --optimizers log,,adam,log --frameworks other --seed 7 --limit 5 --output ${output}`
  const { parsed } = parse(...text.split(' '))
  expect(parsed).toEqual({
    options: { epochs: 2, optimizers: ['log', 'adam'], frameworks: ['other'], seed: 7, limit: 5, output },
  })
})

test('rates use the first base unless others are named, and cannot be combined with chosen optimisers', () => {
  expect(parse('--rates').parsed).toMatchObject({ options: { rates: ['adam'] } })
  expect(parse('--rates', 'lion,adam').parsed).toMatchObject({ options: { rates: ['lion', 'adam'] } })
  expect(parse().parsed).not.toHaveProperty('options.rates')
})

test('help is not an error', () => {
  const { parsed, out, err } = parse('--help')
  expect(parsed).toEqual({ exitCode: 0 })
  expect(out).toMatch(/--epochs.*\n(.*\n)*.*adam, sgd, log/)
  expect(err).toBe('')
})

test.each<[string[], RegExp]>([
  [['--epochs', '0'], /'0' is invalid\. Give a whole number from 1 to 1000\./],
  [['--epochs', '1.5'], /'1\.5' is invalid\. Give a whole number/],
  [['--epochs', '1e3'], /Give a whole number/],
  [['--epochs', 'many'], /Give a whole number/],
  [['--epochs'], /argument missing/],
  [['--seed', '-1'], /Give a whole number from 0 to 4294967295/],
  [['--seed', '4294967296'], /Give a whole number/],
  [['--limit', '59'], /Give a whole number from 1 to 58/],
  [['--optimizers', 'adam,lion,foo'], /Unknown optimiser: lion, foo\. Known: adam, sgd, log\./],
  [['--optimizers', ','], /Name at least one optimiser of adam, sgd, log\./],
  [['--frameworks', 'torch'], /Unknown framework: torch\. Known: tfjs, other\./],
  [['--rates', 'sgd'], /Unknown base: sgd\. Known: adam, lion\./],
  [['--rates', 'lion', '--optimizers', 'sgd'], /cannot be used with/],
  [['--output', join(tmpdir(), 'no', 'such', 'folder', 'r.html')], /There is no folder .*such.folder\./],
  [['--output', tmpdir()], /is not a file/],
  [['--output', ''], /Give the name of a file/],
  [['--colour'], /unknown option '--colour'/],
  [['report.html'], /too many arguments/],
])('%j is refused with exit code 2', (argv, message) => {
  const { parsed, out, err } = parse(...argv)
  expect(parsed).toEqual({ exitCode: 2 })
  expect(err).toMatch(message)
  expect(err).toMatch(/^error: /)
  expect(out).toBe('')
})
