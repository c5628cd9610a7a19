/** Decades and their thirds, as a person would try them. */
const fine = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 10, 100, 1000]
const coarse = [0.003, 0.01, 0.1, 1, 10]
/** Prodigy's coefficient is 1 unless told. */
const coefficients = [0.1, 0.3, 1, 3, 10]

const rivals = ['adam', 'adam-clip', 'adam-identity', 'momo-adam', 'schedule-free-adam']
const ours = ['adam-log', 'adam-root']

/** What a person tunes Adam over. */
const tuned = { 'adam-linear': [0.001, 0.003, 0.01, 0.03, 0.1] }

const two = [0, 1]
/** Where one draw is much harder than another. */
const six = [0, 1, 2, 3, 4, 5]
/** Where a run takes no time, and ends on one draw of the noise. */
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
  mnist: { seeds: two, rates: { ...each([...rivals, ...ours], fine), ...tuned, prodigy: coefficients } },
  'label-noise': {
    seeds: two,
    rates: {
      ...each([...rivals, ...ours], [0.003, 0.01, 0.03, 0.1, 1, 10]),
      ...tuned,
      prodigy: coefficients,
    },
  },
  regression: {
    seeds: six,
    rates: {
      ...each([...rivals, ...ours], [0.003, 0.01, 0.03, 0.1, 1, 10, 100]),
      ...tuned,
      prodigy: coefficients,
    },
  },
  'gpt-300': {
    seeds: two,
    rates: { ...each([...rivals, ...ours], coarse), ...tuned, prodigy: coefficients },
  },
  'gpt-900': { seeds: two, rates: { ...each([...rivals, ...ours], coarse), ...tuned } },
  'noisy-quadratic': {
    seeds: ten,
    rates: { ...each(['sgd', 'sgd-root', ...rivals, ...ours], wide), ...tuned },
  },
  rosenbrock: { seeds: ten, rates: each(['sgd', 'sgd-root', 'adam', 'adam-root', 'momo-adam'], wide) },
}

function each(names: readonly string[], rates: readonly number[]): Record<string, readonly number[]> {
  return Object.fromEntries(names.map((name) => [name, rates]))
}
