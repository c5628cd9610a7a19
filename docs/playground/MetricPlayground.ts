import { defineAsyncComponent, defineComponent, h, onUnmounted, ref, type ComponentPublicInstance } from 'vue'
import { controls } from './controls.js'
import { gauges, verdict } from './gauges.js'
import { later } from './later.js'
import { MapFigure } from './MapFigure.js'
import { loadParser } from './parser.js'
import { createPlayground, wantsLittleMotion, type Playground } from './state.js'
import './playground.css'

// The first picture does without these.
const ReliefFigure = defineAsyncComponent(async () => (await import('./ReliefFigure.js')).ReliefFigure)
const PhaseFigure = later(async () => (await import('./PhaseFigure.js')).PhaseFigure)
const TrainingPanel = later(async () => (await import('./training/TrainingPanel.js')).TrainingPanel)
const CodePanel = later(async () => {
  // It writes typed formulas, too.
  const [{ CodePanel }] = await Promise.all([import('./CodePanel.js'), loadParser()])
  return CodePanel
})

type ReliefInstance = ComponentPublicInstance<object, { canvas?: HTMLCanvasElement; draw(): void }>

/** Moves along the path, a step at a time. */
function usePlayer({ runs, step }: Playground) {
  const isPlaying = ref(false)
  let frame = 0
  const stop = (): void => {
    cancelAnimationFrame(frame)
    isPlaying.value = false
  }
  const play = (): void => {
    const last = runs.value?.induced.scales.length ?? 0
    if (isPlaying.value || last === 0) {
      stop()
      return
    }
    if (wantsLittleMotion()) {
      step.value = step.value >= last ? 0 : last
      return
    }
    if (step.value >= last) step.value = 0
    isPlaying.value = true
    let shown = step.value
    let before = performance.now()
    // Whatever its length, a path takes about six seconds.
    const pace = last / 6000
    const tick = (now: number): void => {
      shown += (now - before) * pace
      before = now
      step.value = Math.min(last, Math.floor(shown))
      if (step.value >= last) stop()
      else frame = requestAnimationFrame(tick)
    }
    frame = requestAnimationFrame(tick)
  }
  return { isPlaying, play, stop }
}

/**
 * The playground: the library itself on functions of two variables. It stands alone: it needs Vue, a browser, and the
 * style sheet that it imports.
 */
export const MetricPlayground = defineComponent({
  setup() {
    const pg = createPlayground()
    const player = usePlayer(pg)
    const view = ref<'map' | 'relief'>('map')
    const said = ref('')
    const stage = ref<HTMLElement>()
    const relief = ref<ReliefInstance>()
    onUnmounted(() => {
      player.stop()
      pg.dispose()
    })

    const drawing = (): SVGSVGElement => stage.value!.querySelector<SVGSVGElement>('.pg-map')!
    const name = (): string => `${pg.settings.value.surface}-${pg.settings.value.base}`
    const save = async (kind: 'png' | 'svg'): Promise<void> => {
      try {
        const { savePng, saveSvg } = await import('./exporting.js')
        relief.value?.draw()
        if (kind === 'svg') saveSvg(drawing(), name())
        else await savePng(view.value === 'map' ? drawing() : relief.value!.canvas!, name())
      } catch (error) {
        said.value = (error as Error).message
      }
    }
    const button = (text: string, onClick: () => void, attributes: object = {}) =>
      h('button', { type: 'button', class: 'pg-button', onClick, ...attributes }, text)

    const toolbar = () =>
      h('div', { class: 'pg-toolbar' }, [
        h('div', { class: 'pg-views', role: 'group', 'aria-label': 'View' }, [
          button('2-D', () => (view.value = 'map'), { 'aria-pressed': view.value === 'map' }),
          button('3-D', () => (view.value = 'relief'), { 'aria-pressed': view.value === 'relief' }),
        ]),
        h('div', { class: 'pg-saves' }, [
          button('PNG', () => void save('png')),
          view.value === 'map' ? button('SVG', () => void save('svg')) : undefined,
        ]),
      ])
    const timeline = () => {
      const last = pg.runs.value?.induced.scales.length ?? 0
      return h('div', { class: 'pg-timeline' }, [
        button(player.isPlaying.value ? 'Pause' : 'Play', player.play),
        h('label', [
          h('span', { class: 'pg-name' }, `step ${pg.step.value} of ${last}`),
          h('input', {
            type: 'range',
            min: 0,
            max: last,
            value: pg.step.value,
            'data-number': 'step',
            onInput(event: Event) {
              player.stop()
              pg.step.value = Number((event.target as HTMLInputElement).value)
            },
          }),
        ]),
      ])
    }
    return () =>
      h('div', { class: 'pg', 'data-ready': String(pg.runs.value !== undefined) }, [
        h('section', { class: 'pg-top', 'aria-label': 'The surface and the paths' }, [
          h('div', { class: 'pg-stage', ref: stage }, [
            toolbar(),
            // Beside the buttons of which it tells.
            h('p', { class: 'pg-note pg-said', role: 'status' }, said.value),
            view.value === 'map'
              ? h(MapFigure, { pg })
              : h(ReliefFigure, {
                  pg,
                  ref: relief,
                  onFail(message: string) {
                    view.value = 'map'
                    said.value = `No 3-D view here (${message}).`
                  },
                }),
            timeline(),
            verdict(pg),
            gauges(pg),
          ]),
          controls(pg),
        ]),
        h('h2', { id: 'phase' }, 'Which rate, which ξ?'),
        h(PhaseFigure, { pg }),
        h('h2', { id: 'networks' }, 'From toy to real'),
        h(
          'p',
          'A small network, trained in your browser with the optimiser chosen above and with its base alone, on the same batches.',
        ),
        h(TrainingPanel, { pg }),
        h('h2', { id: 'code' }, 'Take it with you'),
        h(CodePanel, { pg }),
      ])
  },
})
