import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { golden, tied } from '../src/golden/index.js'
import { cases, familyOf, type Case } from '../src/index.js'
import { features } from '../src/manifest.js'
import { problemParameters, problemStep } from '../src/problem.js'

/**
 * Every id so far, with a fingerprint of its question. An id is never renumbered and never reused. A run with
 * INDUCED_CONFORMANCE_IDS=append appends new cases; nothing else changes the file.
 */
const file = new URL('ids.json', import.meta.url)
const committed = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>

/** The withdrawn ids, by the change that altered their questions. The new questions have ids of their own. */
const withdrawn = JSON.parse(readFileSync(new URL('withdrawn.json', import.meta.url), 'utf8')) as Record<
  string,
  readonly string[]
>
const gone = new Set(Object.values(withdrawn).flat())

function fingerprint(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12)
}

/** The question of a case without its wording: the body, the type, and the golden vector it names. */
function meaning({ id: _id, title: _title, requires: _requires, ...asked }: Case): unknown {
  const vectors = asked.check === 'golden' ? golden[asked.suite]! : asked.check === 'goldenTied' ? tied : []
  const vector = 'name' in asked ? vectors.find(({ name }) => name === asked.name) : undefined
  return { ...asked, vector }
}

const current = new Map(cases.map((one) => [one.id, fingerprint(meaning(one))]))
if (process.env['INDUCED_CONFORMANCE_IDS'] === 'append') {
  for (const [id, mark] of current) committed[id] ??= mark
  writeFileSync(file, `${JSON.stringify(committed, null, 2)}\n`)
}

it('gives every case an id of its own', () => {
  expect(current.size).toBe(cases.length)
})

it('keeps every id that was ever given, or has withdrawn it for good', () => {
  expect(Object.keys(committed).filter((id) => !current.has(id) && !gone.has(id))).toEqual([])
  expect([...gone].filter((id) => current.has(id) || !(id in committed))).toEqual([])
})

it('keeps what every id asks', () => {
  const changed = [...current].filter(([id, mark]) => committed[id] !== undefined && committed[id] !== mark)
  expect(changed).toEqual([])
})

it('has no case that is not in the list', () => {
  expect([...current.keys()].filter((id) => !(id in committed))).toEqual([])
})

it('draws the same numbers from the same seed as ever', () => {
  const problem = {
    transformation: { base: { name: 'sgd' }, learningRate: 1 },
    parameters: [
      { name: 'a', shape: [3] },
      { name: 'b', shape: [] },
    ],
    steps: 2,
    seed: 5,
  }
  const parameters = problemParameters(problem, 'float64').map(({ data }) => [...data])
  expect(parameters).toMatchInlineSnapshot(`
    [
      [
        2.503173828125,
        1.41259765625,
        3.14111328125,
      ],
      [
        -0.0986328125,
      ],
    ]
  `)
  const steps = [1, 2].map((step) => problemStep(problem, step, 'float32').gradients.map((g) => [...g!]))
  expect(steps).toMatchInlineSnapshot(`
    [
      [
        [
          1.7607421875,
          -0.638916015625,
          1.089111328125,
        ],
        [
          -0.026611328125,
        ],
      ],
      [
        [
          -1.1171875,
          -1.12353515625,
          -0.2724609375,
        ],
        [
          0.493896484375,
        ],
      ],
    ]
  `)
})

it.each([
  ['ξ given', 'step/', ['identity', 'log', 'logDamped']],
  ['ξ tied to the rate', 'step/tied-', ['identity', 'log', 'root']],
])('covers every base under every embedding in both types, with %s', (_, prefix, embeddings) => {
  const bases = features.filter((name) => name.startsWith('base/') && name !== 'base/custom')
  for (const base of bases.map((name) => name.slice('base/'.length))) {
    for (const embedding of embeddings) {
      for (const dtype of ['float32', 'float64']) {
        const found = cases.filter(
          (one) =>
            one.id.startsWith(`${prefix}${base}/`) &&
            one.dtype === dtype &&
            one.check === 'trajectory' &&
            one.problem.transformation.embedding?.name === embedding,
        )
        expect(found.length, `${base} under ${embedding} in ${dtype}`).toBeGreaterThan(0)
      }
    }
  }
})

it('titles every case, once per id without its type', () => {
  for (const { id, title } of cases) expect(title.length, id).toBeGreaterThan(10)
  expect(new Set(cases.map(({ id }) => familyOf(id)))).toEqual(
    new Set([
      'support',
      'step',
      'option',
      'property',
      'edge',
      'error',
      'checkpoint',
      'custom',
      'golden',
      'random',
    ]),
  )
})
