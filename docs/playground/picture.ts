// The picture of the guide, by the drawing of the playground.
import { computed, createSSRApp, ref, shallowRef } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { liftOf } from './contours.js'
import { MapFigure } from './MapFigure.js'
import { runPair } from './pair.js'
import { loadParts } from './parts.js'
import { defaults, type Settings } from './settings.js'
import { createSurface } from './surface.js'
import { choiceOf, formulaOf, surfaces } from './surfaces.js'
import { svgFile } from './svgFile.js'
import type { View } from './state.js'

/** Gradient descent in a bent valley, at a rate that is too large for it, with the metric and without. */
export const pictureSettings: Settings = {
  ...defaults,
  surface: 'valley',
  base: 'sgd',
  momentum: 0,
  embedding: 'identity',
  rate: 0.3,
  beta: 0,
  xiMode: 'number',
  xi: 0.1,
  steps: 28,
  startX: surfaces.valley.start[0],
  startY: surfaces.valley.start[1],
}

/** Draws it, as the text of an SVG file. */
export async function drawPicture(): Promise<string> {
  await loadParts(pictureSettings)
  const settings = shallowRef(pictureSettings)
  const choice = computed(() => choiceOf(settings.value.surface))
  const surface = shallowRef(createSurface(formulaOf(settings.value)))
  const pg: View = {
    settings,
    choice,
    surface,
    lift: shallowRef(liftOf(settings.value)),
    runs: shallowRef(runPair(settings.value, surface.value.formula)),
    step: ref(settings.value.steps),
    change: () => undefined,
  }
  return svgFile(await renderToString(createSSRApp(MapFigure, { pg })))
}
