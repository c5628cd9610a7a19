/** Decades and their thirds, as a person would try them. */
const fine = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 10, 100, 1000]
const coarse = [0.003, 0.01, 0.1, 1, 10]
/** Prodigy's coefficient is 1 by default. */
const coefficients = [0.1, 0.3, 1, 3, 10]

const rivals = ['adam', 'adam-clip', 'adam-identity', 'momo-adam', 'schedule-free-adam']
const ours = ['adam-log', 'adam-root', 'adam-follow', 'adam-averaged']

/** The rates over which people tune Adam. */
const tuned = { 'adam-linear': [0.001, 0.003, 0.01, 0.03, 0.1] }
/** Optimisers that need no tuning, at their default cap and others. */
const free = {
  'rate-free-long': [1],
  'rate-free': [0.001, 0.01, 0.1, 1, 10, 100],
  'rate-free-average': [0.01, 1, 100],
}
const capped = { 'rate-free': [0.001, 0.01, 1, 100] }
/** With an option that may interfere. */
const options = {
  'adam-linear-decay': [0.003, 0.01, 0.03],
  'rate-free-decay': [0.01, 1, 100],
  'rate-free-clip': [1],
}
/** Other bases: where they work, and far beyond. */
const bases = {
  ...each(['muon', 'lion'], [0.001, 0.01, 0.1, 1]),
  ...each(['muon-root', 'lion-root'], [0.001, 0.01, 0.1, 1, 10, 100]),
  ...each(['rate-free-muon', 'rate-free-lion'], [0.01, 0.1, 1, 10, 100]),
}

const two = [0, 1]
/** For tasks where one draw is much harder than another. */
const six = [0, 1, 2, 3, 4, 5]
/** For tasks where a run takes no time, and ends on one draw of the noise. */
const ten = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
const wide = [0.001, 0.003, 0.01, 0.03, 0.1, 1, 10, 100, 1000]

/** The stored runs of a task. */
export interface TaskPlan {
  readonly seeds: readonly number[]
  /** By optimiser. */
  readonly rates: Readonly<Record<string, readonly number[]>>
}

/** The stored study, by task. */
export const plan: Readonly<Record<string, TaskPlan>> = {
  mnist: {
    seeds: two,
    rates: {
      ...each([...rivals, ...ours], fine),
      ...tuned,
      ...free,
      'rate-free': [0.001, 0.01, 0.1, 1, 10, 100, 1000],
      ...bases,
      ...options,
      prodigy: coefficients,
    },
  },
  'label-noise': {
    seeds: two,
    rates: {
      ...each([...rivals, ...ours], [0.003, 0.01, 0.03, 0.1, 1, 10]),
      ...each(['adam-root-10'], [0.003, 0.01, 0.03, 0.1, 1, 10]),
      ...tuned,
      ...free,
      prodigy: coefficients,
    },
  },
  regression: {
    seeds: six,
    rates: {
      ...each([...rivals, ...ours], [0.003, 0.01, 0.03, 0.1, 1, 10, 100]),
      ...tuned,
      ...free,
      prodigy: coefficients,
    },
  },
  'gpt-300': {
    seeds: two,
    rates: {
      ...each([...rivals, ...ours, 'adam-root-10'], coarse),
      ...tuned,
      ...capped,
      'rate-free-average': [1],
      'rate-free-long': [1],
      prodigy: coefficients,
    },
  },
  // A run takes a quarter of a minute.
  'gpt-900': {
    seeds: two,
    rates: { ...tuned, ...capped, ...each(['rate-free-long', 'rate-free-muon'], [1]) },
  },
  'noisy-quadratic': {
    seeds: ten,
    rates: { ...each(['sgd', 'sgd-root', ...rivals, ...ours], wide), ...tuned, ...free },
  },
  'mnist-large': { seeds: two, rates: { ...tuned, ...capped, ...each(['adam-root'], [1]) } },
  'regression-large': { seeds: two, rates: { ...tuned, ...capped, ...each(['adam-root'], [1]) } },
  'mnist-first-high': { seeds: two, rates: capped },
  'regression-first-high': { seeds: two, rates: capped },
  'mnist-first-low': { seeds: two, rates: capped },
  'regression-first-low': { seeds: two, rates: capped },
  online: { seeds: ten, rates: { ...tuned, ...free, 'adam-root': [1] } },
  'mnist-lifted': { seeds: two, rates: { ...capped, 'rate-free-floor': [1] } },
  'regression-lifted': { seeds: two, rates: { ...capped, 'rate-free-floor': [1] } },
  'noisy-quadratic-lifted': { seeds: ten, rates: { ...capped, 'rate-free-floor': [1] } },
  'mnist-corrupt': {
    seeds: two,
    rates: { ...tuned, ...capped, 'adam-clip': [0.003, 0.01], ...each(['rate-free-clip', 'adam-root'], [1]) },
  },
  'noisy-quadratic-single': { seeds: ten, rates: { ...capped, 'adam-root': [1] } },
  rosenbrock: { seeds: ten, rates: each(['sgd', 'sgd-root', 'adam', 'adam-root', 'momo-adam'], wide) },
}

function each(names: readonly string[], rates: readonly number[]): Record<string, readonly number[]> {
  return Object.fromEntries(names.map((name) => [name, rates]))
}
