import type { PlainBase } from '../plain.js'

/** A base with its options, and what that is, for titles. */
export interface Variant {
  readonly base: PlainBase
  readonly of: string
}

const free = (base: PlainBase, more: object = {}): PlainBase => ({ name: 'scheduleFree', base, ...more })

/** Variants of bases for `step`. Append only: the position in a list is part of the ids. */
export const furtherVariants: Readonly<Record<string, readonly Variant[]>> = {
  nadam: [
    {
      base: { name: 'nadam', beta1: 0.75, beta2: 0.875, epsilon: 0.125, momentumDecay: 4 },
      of: 'nadam with a momentum that rises fast',
    },
  ],
  asgd: [
    {
      base: { name: 'asgd', decay: 0.5, power: 0.5, averageFrom: 3 },
      of: 'asgd, a rate that falls and decay,',
    },
  ],
  lars: [
    {
      base: { name: 'lars', momentum: 0.75, trustCoefficient: 0.25, weightDecay: 0.125 },
      of: 'lars with decay inside its norm',
    },
    {
      base: { name: 'lars', momentum: 0.75, trustCoefficient: 0.25, nesterov: true },
      of: 'lars with Nesterov momentum',
    },
    { base: { name: 'lars', momentum: 0, trustCoefficient: 0.5 }, of: 'lars without momentum' },
  ],
  mars: [
    {
      base: { name: 'mars', beta1: 0.75, beta2: 0.875, gamma: 0.25, epsilon: 0.125 },
      of: 'mars with short averages',
    },
  ],
  madgrad: [
    { base: { name: 'madgrad', momentum: 0.75, epsilon: 0.0625 }, of: 'madgrad' },
    { base: { name: 'madgrad', momentum: 0, epsilon: 0.0625 }, of: 'madgrad without momentum' },
  ],
  ftrl: [
    { base: { name: 'ftrl', initialAccumulator: 1 }, of: 'ftrl without penalties' },
    {
      base: { name: 'ftrl', l1: 0.0625, l2: 0.25, l2Shrinkage: 0.125, beta: 1, initialAccumulator: 1 },
      of: 'ftrl with its penalties',
    },
  ],
  tiger: [
    { base: { name: 'tiger', beta: 0.75 }, of: 'tiger' },
    { base: { name: 'tiger', beta: 0.75, relative: true }, of: 'tiger relative to the tensor' },
  ],
  adamAtan2: [{ base: { name: 'adamAtan2', beta1: 0.75, beta2: 0.875, a: 1.5, b: 0.5 }, of: 'adamAtan2' }],
  prodigy: [
    {
      base: {
        name: 'prodigy',
        beta1: 0.75,
        beta2: 0.875,
        epsilon: 0.125,
        initialDistance: 0.25,
        coefficient: 2,
      },
      of: 'prodigy',
    },
    {
      base: {
        name: 'prodigy',
        beta1: 0.75,
        beta2: 0.875,
        epsilon: 0.125,
        initialDistance: 0.25,
        coefficient: 8,
        growthRate: 1.25,
        weightDecay: 0.125,
        biasCorrection: true,
        safeguardWarmup: true,
      },
      of: 'prodigy with all of its options',
    },
  ],
  dadaptation: [
    {
      base: { name: 'dadaptation', beta1: 0.75, beta2: 0.875, epsilon: 0.125, initialDistance: 0.25 },
      of: 'dadaptation',
    },
    {
      base: {
        name: 'dadaptation',
        beta1: 0.75,
        beta2: 0.875,
        epsilon: 0.125,
        initialDistance: 0.25,
        growthRate: 1.25,
        weightDecay: 0.125,
        biasCorrection: true,
      },
      of: 'dadaptation with all of its options',
    },
  ],
  dog: [
    { base: { name: 'dog', initialDistance: 0.25, epsilon: 0.5 }, of: 'dog over all parameters' },
    {
      base: { name: 'dog', initialDistance: 0.25, epsilon: 0.5, layerwise: true },
      of: 'dog over each parameter for itself',
    },
  ],
  scheduleFree: [
    { base: free({ name: 'sgd' }), of: 'schedule-free sgd' },
    {
      base: free(
        { name: 'adam', beta1: 0, beta2: 0.875, epsilon: 0.125 },
        { beta: 0.75, power: 1, ratePower: 1, weightDecay: 0.125 },
      ),
      of: 'schedule-free adam',
    },
    { base: free({ name: 'signum', momentum: 0.75 }), of: 'schedule-free signum' },
  ],
  polyak: [
    { base: { name: 'polyak' }, of: 'polyak' },
    { base: { name: 'polyak', floor: 1, scaling: 0.5 }, of: 'polyak above a floor that the loss passes' },
  ],
  momo: [
    { base: { name: 'momo', beta: 0.75 }, of: 'momo' },
    {
      base: { name: 'momo', beta: 0.75, floor: -4, biasCorrection: true },
      of: 'momo with averages from 0',
    },
  ],
}

/** Bases at ξ = 0. Append only: the position in the list is part of the ids. */
export const furtherDefaults: readonly Variant[] = [
  { base: { name: 'nadam' }, of: 'torch’s NAdam' },
  { base: { name: 'nadam', momentumDecay: 1, epsilon: 1e-7 }, of: 'Keras’ Nadam' },
  { base: { name: 'asgd' }, of: 'torch’s ASGD' },
  { base: { name: 'lars' }, of: 'optax’ LARS' },
  { base: { name: 'mars' }, of: 'MARS-AdamW' },
  { base: { name: 'madgrad' }, of: 'MADGRAD' },
  { base: { name: 'ftrl' }, of: 'Keras’ Ftrl' },
  { base: { name: 'tiger' }, of: 'Tiger' },
  { base: { name: 'adamAtan2' }, of: 'Adam-atan2' },
  { base: { name: 'prodigy' }, of: 'Prodigy' },
  { base: { name: 'dadaptation' }, of: 'D-Adapt Adam' },
  { base: { name: 'dog' }, of: 'DoG' },
  { base: { name: 'dog', layerwise: true }, of: 'LDoG' },
  { base: free({ name: 'heavyBall', momentum: 0 }), of: 'Schedule-Free SGD' },
  { base: free({ name: 'adam', beta1: 0 }, { weightDecay: 0.125 }), of: 'Schedule-Free AdamW' },
  { base: { name: 'polyak' }, of: 'SGD with Polyak’s step' },
  { base: { name: 'momo' }, of: 'MoMo' },
]

/** Bases whose states are saved. Append only: the position in the list is part of the ids. */
export const furtherCheckpoints: readonly PlainBase[] = [
  { name: 'nadam', beta1: 0.75, beta2: 0.875, momentumDecay: 4 },
  { name: 'asgd', decay: 0.25, averageFrom: 2 },
  { name: 'lars', momentum: 0.75, trustCoefficient: 0.25 },
  { name: 'mars', beta1: 0.75, beta2: 0.875, gamma: 0.25 },
  { name: 'madgrad', momentum: 0.75, epsilon: 0.0625 },
  { name: 'ftrl', l1: 0.125, l2: 0.125 },
  { name: 'tiger', beta: 0.75 },
  { name: 'adamAtan2', beta1: 0.75, beta2: 0.875 },
  { name: 'prodigy', beta1: 0.75, beta2: 0.875, epsilon: 0.125, initialDistance: 0.25, coefficient: 2 },
  { name: 'dadaptation', beta1: 0.75, beta2: 0.875, epsilon: 0.125, initialDistance: 0.25 },
  { name: 'dog', initialDistance: 0.25 },
  { name: 'dog', initialDistance: 0.25, layerwise: true },
  free({ name: 'adam', beta1: 0.5, beta2: 0.875, epsilon: 0.0625 }, { beta: 0.75, weightDecay: 0.125 }),
  { name: 'polyak' },
  { name: 'momo', beta: 0.75 },
]

/** Bases that return no average of gradients. Append only: the position in the list is part of the ids. */
export const furtherVariantsWithoutAverage: readonly PlainBase[] = [
  { name: 'mars' },
  { name: 'lars', momentum: 0.5 },
  { name: 'madgrad' },
  { name: 'ftrl' },
  { name: 'prodigy' },
  { name: 'dadaptation' },
]
