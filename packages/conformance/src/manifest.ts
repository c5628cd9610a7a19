/** The element types an adapter can hold parameters in. */
export type Dtype = 'float32' | 'float64'

/** Features that an adapter may leave out. It must refuse an undeclared feature with ERR_NOT_SUPPORTED. */
export const features = [
  'base/sgd',
  'base/heavyBall',
  'base/rmsprop',
  'base/adagrad',
  'base/adam',
  'base/lion',
  'base/muon',
  'base/adamax',
  'base/radam',
  'base/adadelta',
  'base/rprop',
  'base/adan',
  'base/ademamix',
  'base/adopt',
  'base/lamb',
  'base/novograd',
  'base/yogi',
  'base/adabelief',
  'base/signum',
  'base/nadam',
  'base/asgd',
  'base/lars',
  'base/mars',
  'base/madgrad',
  'base/ftrl',
  'base/tiger',
  'base/adamAtan2',
  'base/prodigy',
  'base/dadaptation',
  'base/dog',
  'base/scheduleFree',
  'base/polyak',
  'base/momo',
  'base/adafactor',
  'base/sm3',
  'base/normuon',
  'base/shampoo',
  'base/soap',
  'base/custom',
  'embedding/identity',
  'embedding/log',
  'embedding/logDamped',
  'embedding/root',
  'embedding/custom',
  'schedules',
  'weightDecay',
  'decayMask',
  'decayScaling',
  'tiedXi',
  'followingFloor',
  'averagedModel',
  'startAxis',
  'averageWeights',
  'averageWeights/ema',
  'averageWeights/swa',
  'lookahead',
  'growthRate',
  'risingCap',
  'groups',
  'metricScope',
  'clipNorm',
  'clipNorm/parameter',
  'clipValue',
  'adaptiveClip',
  'accumulate',
  'missingGradients',
  'throwOnNonFinite',
  'badLossPolicies',
  'checkpoint',
  'reset',
] as const

/**
 * Guarantees that an adapter may give beyond the features. Without one, the kit only asks for less. `bitwise`: equal runs
 * are equal bit for bit. `byName`: a saved state is restored to the parameter of its name only; an adapter whose
 * framework renames parameters on loading cannot promise it.
 */
export const guarantees = ['bitwise', 'byName'] as const

/**
 * What no session of a framework can be given, whatever its adapter does: tensors without elements, tensors of shape `[]`,
 * or a step without a loss, since the framework always knows it. The suite then does not ask for it.
 */
export const limits = ['emptyTensors', 'scalarTensors', 'stepsWithoutLoss'] as const

/** The name of a limit. */
export type Limit = (typeof limits)[number]

/** The name of a feature. */
export type Feature = (typeof features)[number]

/** The name of a guarantee. */
export type Guarantee = (typeof guarantees)[number]

/**
 * What a target promises of itself, rather than of the adapter: the arguments of `create` and `step` reach the adapter as they are
 * given, wrong ones too, and the adapter must refuse those. A target that makes tensors of them cannot promise it, so
 * `allCapabilities` does not contain it.
 */
const targetPromises = ['asGiven'] as const

/** One entry of a manifest's `capabilities`. */
export type Capability = Feature | Guarantee | (typeof targetPromises)[number]

/** Every capability: the declaration of a complete adapter. */
export const allCapabilities: readonly Capability[] = [...features, ...guarantees]

/** Every capability except those named. */
export function allCapabilitiesBut(...missing: readonly Capability[]): Capability[] {
  return allCapabilities.filter((capability) => !missing.includes(capability))
}

/** The arithmetic of a backend on parameters of one type. Tolerances follow from it alone. */
export interface Arithmetic {
  /** The precision to which each elementwise operation is rounded. */
  readonly elementwise: Dtype
  /** The precision in which sums accumulate. */
  readonly sums: Dtype
}

/** An adapter's identity and its capabilities, declared here and nowhere else. */
export interface Manifest {
  /** The adapter's package name. */
  readonly name: string
  readonly version: string
  /** The framework it adapts, if any. */
  readonly framework?: { readonly name: string; readonly version: string }
  /** The backend, if there is a choice: `wasm`, `webgl`, … */
  readonly backend?: string
  /** The version of the protocol by which the suite speaks with it, if it is another process. The suite fills it in. */
  readonly protocol?: number
  readonly dtypes: readonly Dtype[]
  /** One entry for each of `dtypes`. */
  readonly arithmetic: Readonly<Partial<Record<Dtype, Arithmetic>>>
  readonly capabilities: readonly Capability[]
  /** What no session can be given. None if it is left out. */
  readonly limits?: readonly Limit[]
}

/**
 * Whether it describes a plain optimiser: one without the metric, which declares no embedding. The suite asks it only for
 * steps at ξ = 0.
 */
export function isPlain({ capabilities }: Pick<Manifest, 'capabilities'>): boolean {
  return !capabilities.some((name) => name.startsWith('embedding/'))
}

/**
 * The largest error allowed, relative to the largest magnitude of the tensor that is compared: 1e-12 (some 9,000
 * units of rounding) where parameters and arithmetic are float64, 2e-5 (some 340 units) where either is float32; and
 * where sums accumulate in float32, one unit more for every term of the sum, since each addition may lose one, up to
 * 1024: longer sums are to be made in blocks.
 *
 * @param terms - the number of scalars that the step sums over
 */
export function toleranceOf(arithmetic: Arithmetic, dtype: Dtype, terms: number): number {
  const single = dtype === 'float32' || arithmetic.elementwise === 'float32'
  return (single ? 2e-5 : 1e-12) + (arithmetic.sums === 'float32' ? Math.min(terms, 1024) * 2 ** -24 : 0)
}

/** The faults of a manifest, in words; empty if it has none. */
export function manifestProblems(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return ['manifest must be an object']
  const manifest = value as Partial<Record<keyof Manifest, unknown>>
  const problems: string[] = []
  for (const key of ['name', 'version'] as const) {
    if (typeof manifest[key] !== 'string') problems.push(`manifest.${key} must be a string`)
  }
  const { dtypes, arithmetic, capabilities, framework, backend } = manifest
  const adapted = framework as Partial<Record<'name' | 'version', unknown>> | null | undefined
  if (adapted !== undefined && (typeof adapted?.name !== 'string' || typeof adapted.version !== 'string')) {
    problems.push('manifest.framework must be { name, version }, both strings, or be left out')
  }
  if (backend !== undefined && typeof backend !== 'string') {
    problems.push('manifest.backend must be a string, or be left out')
  }
  if (!Array.isArray(dtypes) || dtypes.length === 0 || !dtypes.every(isDtype)) {
    problems.push(`manifest.dtypes must list 'float32', 'float64' or both`)
  } else {
    for (const dtype of dtypes) {
      const entry = (arithmetic as Manifest['arithmetic'] | undefined)?.[dtype]
      if (!isDtype(entry?.elementwise) || !isDtype(entry.sums)) {
        problems.push(
          `manifest.arithmetic.${dtype} must be { elementwise, sums }, each 'float32' or 'float64'`,
        )
      }
    }
  }
  if (!Array.isArray(capabilities)) {
    problems.push('manifest.capabilities must be an array of names')
  } else {
    const known: readonly Capability[] = [...allCapabilities, ...targetPromises]
    for (const name of capabilities as unknown[]) {
      if (!known.includes(name as Capability)) {
        problems.push(`manifest.capabilities names ${JSON.stringify(name)}; known: ${known.join(', ')}`)
      }
    }
  }
  const given: unknown = manifest.limits ?? []
  const known: readonly unknown[] = limits
  if (!Array.isArray(given) || !given.every((name) => known.includes(name))) {
    problems.push(`manifest.limits must list some of ${limits.join(', ')}, or be left out`)
  }
  return problems
}

function isDtype(value: unknown): value is Dtype {
  return value === 'float32' || value === 'float64'
}
