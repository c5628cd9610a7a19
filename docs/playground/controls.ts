import { h, type VNode } from 'vue'
import { bases, embeddings } from './bases.js'
import { numbers, type NumberId } from './numbers.js'
import { show, type Settings } from './settings.js'
import { choiceOf, surfaces, type SurfaceId } from './surfaces.js'
import type { Playground } from './state.js'

/** The places of a slider. */
const places = 1000

/** A number's value at a place of its slider. Decades are cut into tenths, so that round numbers can be hit. */
function valueAt(id: NumberId, place: number): number {
  const { min, max, scale } = numbers[id]
  if (scale === 'log') {
    const exponent = Math.log10(min) + (Math.log10(max / min) * place) / places
    return Number((10 ** exponent).toPrecision(2))
  }
  const value = min + ((max - min) * place) / places
  return id === 'steps' ? Math.round(value) : Number(value.toPrecision(3))
}

function placeOf(id: NumberId, value: number): number {
  const { min, max, scale } = numbers[id]
  const share = scale === 'log' ? Math.log(value / min) / Math.log(max / min) : (value - min) / (max - min)
  return Math.round(share * places)
}

/** A slider of a number among the settings. */
function slider({ settings, change }: Playground, id: NumberId, isEnabled = true): VNode {
  const value = settings.value[id]
  return h('label', { class: ['pg-slider', { 'pg-off': !isEnabled }], key: id }, [
    h('span', { class: 'pg-name' }, numbers[id].label),
    h('output', { class: 'pg-value' }, show(value)),
    h('input', {
      type: 'range',
      min: 0,
      max: places,
      step: 5,
      value: placeOf(id, value),
      disabled: !isEnabled,
      'data-number': id,
      'aria-valuetext': show(value),
      onInput: (event: Event) =>
        change({ [id]: valueAt(id, Number((event.target as HTMLInputElement).value)) }),
    }),
  ])
}

/** A list to choose from. */
export function chooser<K extends keyof Settings>(
  { settings, change }: Playground,
  key: K,
  label: string,
  options: readonly (readonly [value: Settings[K] & string, text: string])[],
  more?: (value: Settings[K]) => Partial<Settings>,
): VNode {
  return h('label', { class: 'pg-chooser' }, [
    h('span', { class: 'pg-name' }, label),
    h(
      'select',
      {
        'data-choice': key,
        onChange: (event: Event) => {
          const value = (event.target as HTMLSelectElement).value as Settings[K] & string
          change({ [key]: value, ...more?.(value) })
        },
      },
      options.map(([value, text]) =>
        h('option', { value, key: value, selected: value === settings.value[key] }, text),
      ),
    ),
  ])
}

function typed({ settings, change }: Playground, key: 'formula' | 'embeddingFormula', label: string): VNode {
  return h('label', { class: 'pg-chooser' }, [
    h('span', { class: 'pg-name' }, label),
    h('input', {
      type: 'text',
      spellcheck: false,
      autocomplete: 'off',
      maxlength: 400,
      value: settings.value[key],
      'data-formula': key,
      onInput: (event: Event) => change({ [key]: (event.target as HTMLInputElement).value }),
    }),
  ])
}

const embeddingTitles = {
  identity: 'identity: f = L',
  root: 'root: f = 2√L',
  log: 'log: f = log L',
  logDamped: 'logDamped: f = log L, h = L',
  own: 'type f(L) …',
} as const

function surfaceGroup(pg: Playground): VNode {
  const { surface, embedding } = pg.settings.value
  const titles = Object.entries(surfaces).map(([id, { title }]) => [id as SurfaceId, title] as const)
  return h('fieldset', [
    h('legend', 'Surface'),
    chooser(pg, 'surface', 'Loss L(x, y)', [...titles, ['own', 'type L(x, y) …']], (id) => {
      const [startX, startY] = choiceOf(id).start
      return { startX, startY }
    }),
    surface === 'own' ? typed(pg, 'formula', 'L(x, y) =') : undefined,
    chooser(
      pg,
      'embedding',
      'Embedding f(L)',
      embeddings.map((id) => [id, embeddingTitles[id]] as const),
    ),
    embedding === 'own' ? typed(pg, 'embeddingFormula', 'f(L) =') : undefined,
    slider(pg, 'lift'),
    slider(pg, 'floor', embedding !== 'identity' && embedding !== 'own'),
  ])
}

function optimizerGroup(pg: Playground): VNode {
  const { base, xiMode } = pg.settings.value
  const hasMomentum = bases[base] !== undefined
  return h('fieldset', [
    h('legend', 'Optimiser'),
    chooser(
      pg,
      'base',
      'Base',
      (Object.keys(bases) as (keyof typeof bases)[]).map((id) => [id, id] as const),
    ),
    slider(pg, 'rate'),
    chooser(pg, 'xiMode', 'ξ', [
      ['rate', 'tied to the rate: ξ = κη'],
      ['number', 'a number'],
      ['off', '0: no metric'],
    ]),
    xiMode === 'rate' ? slider(pg, 'perRate') : slider(pg, 'xi', xiMode === 'number'),
    slider(pg, 'beta', xiMode !== 'off'),
    slider(pg, 'momentum', hasMomentum),
  ])
}

function besideGroup(pg: Playground): VNode {
  const { beside, base, momentum } = pg.settings.value
  const isUnlike = beside === 'heavyBall' && base !== 'heavyBall'
  return h('fieldset', [
    h('legend', 'Compare with'),
    chooser(pg, 'beside', 'Beside it, at the same η', [
      ['same', 'the same base, ξ = 0'],
      ['heavyBall', 'heavy ball, as most frameworks’ SGD'],
    ]),
    isUnlike
      ? h(
          'p',
          { class: 'pg-warning', role: 'status' },
          `Another convention: a heavy ball sums its gradients, so at the same η its steps are up to ${show(
            1 / (1 - momentum),
          )} times as long. This compares step lengths as well as optimisers.`,
        )
      : undefined,
    slider(pg, 'noise'),
    slider(pg, 'steps'),
  ])
}

/** All that can be set. */
export function controls(pg: Playground): VNode {
  const problem = pg.problem.value
  return h(
    'form',
    { class: 'pg-controls', 'aria-label': 'Settings', onSubmit: (e: Event) => e.preventDefault() },
    [
      surfaceGroup(pg),
      optimizerGroup(pg),
      besideGroup(pg),
      h('p', { class: 'pg-problem', role: 'alert' }, problem === '' ? undefined : problem),
    ],
  )
}
