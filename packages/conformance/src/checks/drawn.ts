import * as fc from 'fast-check'
import type { Context } from '../context.js'
import type { Capability } from '../manifest.js'
import type { PlainBase, PlainEmbedding, PlainOptions, PlainTransformation } from '../plain.js'
import type { Problem } from '../problem.js'

/** A whole number of 64ths: short to read in a counterexample, exact in both element types. */
function sixtyFourths(from: number, to: number): fc.Arbitrary<number> {
  return fc.integer({ min: Math.round(from * 64), max: Math.round(to * 64) }).map((n) => n / 64)
}

/** The bases that an adapter declares, with hyperparameters for which no sign and no root depends on rounding. */
function someBase(context: Context, without: readonly string[] = []): fc.Arbitrary<PlainBase> {
  // A rate of 0 may take another path through an optimiser.
  const rate = fc.oneof(
    { weight: 1, arbitrary: fc.constant(0) },
    { weight: 4, arbitrary: sixtyFourths(0, 0.98) },
  )
  const arbitraries: Record<string, fc.Arbitrary<PlainBase>> = {
    sgd: fc.record({ name: fc.constant('sgd'), momentum: rate }),
    heavyBall: fc.record({
      name: fc.constant('heavyBall'),
      momentum: rate,
      dampening: sixtyFourths(0, 0.5),
      nesterov: fc.boolean(),
    }),
    rmsprop: fc.record({
      name: fc.constant('rmsprop'),
      decay: sixtyFourths(0.25, 0.95),
      epsilon: fc.constantFrom(2 ** -20, 0.125),
      centered: fc.boolean(),
      momentum: rate,
    }),
    adagrad: fc.record({
      name: fc.constant('adagrad'),
      epsilon: fc.constantFrom(2 ** -20, 0.125),
      initialAccumulator: sixtyFourths(0, 2),
    }),
    adam: fc.record({
      name: fc.constant('adam'),
      beta1: rate,
      beta2: rate,
      epsilon: fc.constantFrom(2 ** -20, 0.125),
      nesterov: fc.boolean(),
    }),
    lion: fc.record({ name: fc.constant('lion'), beta1: rate, beta2: rate }),
  }
  const names = Object.keys(arbitraries).filter(
    (name) => context.declares(`base/${name}` as Capability) && !without.includes(name),
  )
  return fc.oneof(...names.map((name) => arbitraries[name]!))
}

function someEmbedding(context: Context): fc.Arbitrary<PlainEmbedding> {
  const floor = sixtyFourths(-1, 0)
  const arbitraries: Record<string, fc.Arbitrary<PlainEmbedding>> = {
    identity: fc.constant({ name: 'identity' }),
    log: fc.record({ name: fc.constant('log'), floor }),
    logDamped: fc.record({ name: fc.constant('logDamped'), floor }),
  }
  const names = Object.keys(arbitraries).filter((name) => context.declares(`embedding/${name}` as Capability))
  return fc.oneof(...names.map((name) => arbitraries[name]!))
}

function someTransformation(
  context: Context,
  without: readonly string[] = [],
): fc.Arbitrary<PlainTransformation> {
  return fc.record(
    {
      base: someBase(context, without),
      embedding: someEmbedding(context),
      learningRate: sixtyFourths(1 / 64, 0.5),
      xi: fc.oneof(fc.constant('auto' as const), sixtyFourths(0, 4)),
      beta: sixtyFourths(0, 0.95),
      ...(context.declares('weightDecay') && { weightDecay: sixtyFourths(0, 0.5) }),
      ...(context.declares('clipNorm') && { clipNorm: sixtyFourths(0.5, 8) }),
    },
    { requiredKeys: ['base', 'embedding', 'learningRate'] },
  )
}

/** Bases that return an average. The momentum of rmsprop averages P g rather than gradients. */
function someAveraging(context: Context): fc.Arbitrary<PlainBase> {
  return someBase(context).map(({ momentum, ...base }) =>
    base.name === 'rmsprop' || momentum === undefined ? base : { ...base, momentum },
  )
}

/**
 * A ξ that is tied to the rate, with the options that belong to it, each in about every second example. Rates are small and
 * losses high, so that the averaged model stays above its floor and no result depends on rounding.
 */
function someTied(context: Context): fc.Arbitrary<PlainTransformation> {
  const floor = fc.oneof(fc.constant('follow' as const), sixtyFourths(-1, 0))
  return fc
    .record(
      {
        base: someAveraging(context),
        embedding: fc.record({ name: fc.constantFrom('root', 'root', 'identity'), floor }),
        learningRate: sixtyFourths(1 / 64, 1 / 8),
        xi: fc.oneof(fc.constant('rate' as const), fc.record({ perRate: sixtyFourths(1 / 4, 4) })),
        averagedModel: fc.boolean(),
        startAxis: fc.record(
          {
            weight: sixtyFourths(1, 10),
            steps: fc.integer({ min: 1, max: 12 }),
            power: sixtyFourths(0.25, 2),
          },
          { requiredKeys: ['weight'] },
        ),
        averageWeights: sixtyFourths(0.5, 8),
        ...(context.declares('weightDecay') && { weightDecay: sixtyFourths(0, 0.5) }),
        ...(context.declares('clipNorm') && { clipNorm: sixtyFourths(0.5, 8) }),
        ...(context.declares('metricScope') && {
          metricScope: fc.constantFrom('global' as const, 'parameter' as const),
        }),
      },
      { requiredKeys: ['base', 'embedding', 'learningRate', 'xi'] },
    )
    .map(({ embedding, averagedModel, ...others }) => ({
      ...others,
      embedding: embedding.name === 'identity' ? { name: 'identity' } : embedding,
      // The identity reads no loss that the model could replace.
      ...(embedding.name === 'root' && averagedModel === true && { averagedModel }),
    }))
}

/** Any transformation with its ξ tied. */
export function someTiedProblem(context: Context): fc.Arbitrary<Problem> {
  return fc
    .tuple(someProblem(context), someTied(context), sixtyFourths(8, 16), fc.constantFrom(0.75, 0.875, 1.125))
    .map(([problem, transformation, first, ratio]) => ({
      ...problem,
      transformation,
      loss: { first, ratio },
    }))
}

/** Shapes of up to two axes. */
const someShape: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.constant([]),
  fc.tuple(fc.integer({ min: 1, max: 9 })),
  fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 })),
)

/** Any transformation over one to four tensors. */
export function someProblem(context: Context, without?: readonly string[]): fc.Arbitrary<Problem> {
  const hasScalars = context.target.manifest.limits?.includes('scalarTensors') !== true
  return fc.record({
    transformation: someTransformation(context, without),
    parameters: fc.array(someShape, { minLength: 1, maxLength: 4 }).map((shapes) =>
      shapes.map((shape, i) => ({
        name: `p${i}`,
        shape: shape.length > 0 || hasScalars ? shape : [1],
      })),
    ),
    steps: fc.integer({ min: 1, max: 6 }),
    seed: fc.integer({ min: 0, max: 0xffff }),
    gradientKind: fc.constant('steady' as const),
    loss: fc.record({ first: sixtyFourths(0.5, 4), ratio: fc.constantFrom(0.75, 1, 1.25) }),
  })
}

/** The options of a group, plain bases among them, each in about every second example. */
function someGroup(context: Context): fc.Arbitrary<PlainOptions> {
  return fc.record(
    {
      base: someAveraging(context),
      learningRate: sixtyFourths(1 / 64, 1 / 8),
      xi: fc.oneof(
        fc.constantFrom('rate' as const, 'auto' as const, 0),
        fc.record({ perRate: sixtyFourths(1 / 4, 4) }),
      ),
      beta: sixtyFourths(0, 0.95),
      embedding: fc.constantFrom<PlainEmbedding>(
        { name: 'identity' },
        { name: 'root' },
        { name: 'root', floor: 'follow' },
      ),
      decayScaling: fc.constantFrom('rate' as const, 'step' as const),
      averageWeights: sixtyFourths(0.5, 8),
      startAxis: fc.record({ weight: sixtyFourths(1, 10) }),
      ...(context.declares('weightDecay') && { weightDecay: sixtyFourths(0, 0.5) }),
    },
    { requiredKeys: [] },
  )
}

/** Two groups, one with options of its own, in any scope; any gradient but the first may be missing. */
export function someGroupedProblem(context: Context): fc.Arbitrary<Problem> {
  const scopes = ['global', ...(context.declares('metricScope') ? ['group', 'parameter'] : [])] as const
  return fc
    .record({
      problem: someTiedProblem(context),
      head: someGroup(context),
      metricScope: fc.constantFrom(...(scopes as readonly NonNullable<PlainTransformation['metricScope']>[])),
      labels: fc.array(fc.constantFrom('head', 'body'), { minLength: 3, maxLength: 3 }),
      absent: fc.array(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 2 }), {
        minLength: 6,
        maxLength: 6,
      }),
    })
    .map(({ problem, head, metricScope, labels, absent }) => {
      const grouped = problem.parameters.map((p, i) => ({ ...p, group: labels[i] ?? 'body' }))
      const missing = Object.fromEntries(absent.map((list, i) => [i + 1, list]))
      return {
        ...problem,
        transformation: { ...problem.transformation, metricScope, groups: { head } },
        // One more, since that group needs a parameter.
        parameters: [...grouped, { name: 'last', shape: [3], group: 'head' }],
        ...(context.declares('missingGradients') && { missing }),
      }
    })
}
