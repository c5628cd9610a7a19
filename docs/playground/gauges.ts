import { h, type VNode } from 'vue'
import { chart } from './charts.js'
import { inducedColour } from './contours.js'
import { show } from './settings.js'
import type { Playground } from './state.js'

/** A dial: its share from 0 to 1, on a half circle. */
function dial(name: string, text: string, share: number, note: string): VNode {
  const radius = 42
  const length = Math.PI * radius
  const filled = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0)) * length
  const arc = `M8 52A${radius} ${radius} 0 0 1 92 52`
  return h(
    'div',
    { class: 'pg-dial', 'data-gauge': name, role: 'group', 'aria-label': `${name} = ${text}` },
    [
      h('svg', { viewBox: '0 0 100 60', 'aria-hidden': 'true' }, [
        h('path', { d: arc, class: 'pg-rail' }),
        h('path', {
          d: arc,
          class: 'pg-fill',
          'stroke-dasharray': `${filled.toFixed(1)} ${length.toFixed(1)}`,
        }),
        h('text', { x: 50, y: 50, 'text-anchor': 'middle' }, text),
      ]),
      h('span', { class: 'pg-dial-name' }, name),
      h('span', { class: 'pg-note' }, note),
    ],
  )
}

/** Shows a share of decades from 10^−6 to 10^6. */
const decades = (value: number): number => (Math.log10(value) + 6) / 12

/** The numbers of the chosen step, and those of all steps. */
export function gauges(pg: Playground): VNode {
  const pair = pg.runs.value
  if (!pair) return h('div', { class: 'pg-gauges' })
  const { induced, beside } = pair
  const step = pg.step.value
  const index = Math.max(0, Math.min(step, induced.scales.length) - 1)
  const scale = induced.scales[index] ?? NaN
  const dual = induced.dualNorms[index] ?? NaN
  const css = 'var(--pg-beside)'
  return h('div', { class: 'pg-gauges' }, [
    h('div', { class: 'pg-dials' }, [
      dial('ρ', show(scale), scale, 'the factor on the base’s step'),
      dial('s', show(dual), decades(dual), 'gᵀPg, on decades from 1e−6 to 1e6'),
    ]),
    chart({
      title: 'Loss by step',
      scale: 'log',
      marked: step,
      series: [
        { label: 'beside', values: beside.losses, colour: css, dashes: '4 3' },
        { label: 'with the metric', values: induced.losses, colour: inducedColour },
      ],
    }),
    chart({
      title: 'ρ by step',
      scale: 'linear',
      bounds: [0, Math.max(1, ...induced.scales.filter(Number.isFinite).slice(0, 1000))],
      marked: step,
      series: [{ label: 'ρ', values: induced.scales, colour: inducedColour }],
    }),
  ])
}

const outcomeTexts = {
  converged: 'reaches the minimum',
  falling: 'is on its way',
  bounded: 'ends above its start',
  diverged: 'diverges',
} as const

/** Which balls the picture shows. */
function ballText(base: string, isLinear: boolean): string {
  const both = 'Dotted is the unit ball of P⁻¹, filled that of the induced metric.'
  return isLinear
    ? both
    : `${both} Steps of ${base} have a length of their own, so no linear P is behind them: P is here the diagonal map that takes the averaged gradient to the step.`
}

/** What the two runs came to, in words. */
export function verdict(pg: Playground): VNode {
  const pair = pg.runs.value
  const { base, beside } = pg.settings.value
  if (!pair) return h('p', { class: 'pg-verdict' }, '…')
  const { induced, isSame, difference } = pair
  const end = ({ losses, outcome }: typeof induced): string =>
    `${outcomeTexts[outcome]}, L = ${show(losses.at(-1)!)} after ${losses.length - 1} steps`
  const name = beside === 'same' ? base : 'heavyBall'
  return h('div', { class: 'pg-verdict', 'aria-live': 'polite' }, [
    h('p', [h('i', { class: 'pg-key pg-key-induced' }), h('b', 'with the metric'), ` ${end(induced)}`]),
    h('p', [h('i', { class: 'pg-key pg-key-beside' }), h('b', `${name} alone`), ` ${end(pair.beside)}`]),
    h(
      'p',
      { class: 'pg-difference', 'data-same': String(isSame) },
      isSame
        ? 'Difference: 0. Both paths are the same, bit for bit.'
        : `Difference: at most ${show(difference)} between points of the same step.`,
    ),
    h('p', { class: 'pg-note', 'data-linear': String(induced.isLinear) }, ballText(base, induced.isLinear)),
  ])
}
