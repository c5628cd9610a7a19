import { computed, defineComponent, h, onMounted, onUnmounted, ref, watch, type PropType } from 'vue'
import { createGrid } from './contours.js'
import { ballAtStep, pointsOf } from './geometry.js'
import type { SceneContent, SurfaceScene } from './scene.js'
import { wantsLittleMotion, type Playground } from './state.js'

/** The surface (θ, f(L)) in three dimensions. Emits `fail` where that cannot be shown. */
export const ReliefFigure = defineComponent({
  props: { pg: { type: Object as PropType<Playground>, required: true } },
  emits: ['fail'],
  setup(props, { emit, expose }) {
    const { surface, lift, runs, step, choice } = props.pg
    const canvas = ref<HTMLCanvasElement>()
    const grid = computed(() => createGrid(surface.value, lift.value, choice.value.view, 126, 91))
    const isReady = ref(false)
    let scene: SurfaceScene | undefined
    let isGone = false

    const content = (): SceneContent => {
      const pair = runs.value
      const steps = step.value
      return {
        grid: grid.value,
        heightAt: ([x, y]) => lift.value.height(surface.value.value(x, y)),
        induced: pair ? pointsOf(pair.induced, steps) : [],
        beside: pair ? pointsOf(pair.beside, steps) : [],
        ball: (pair && ballAtStep(props.pg, pair.induced)?.pressed) ?? [],
      }
    }
    watch(grid, () => scene?.setSurface(content()))
    watch([runs, step], () => scene?.setPaths(content()))
    onMounted(async () => {
      try {
        const { createScene } = await import('./scene.js')
        if (isGone || !canvas.value) return
        scene = createScene(canvas.value, !wantsLittleMotion())
        scene.setSurface(content())
        isReady.value = true
      } catch (error) {
        emit('fail', (error as Error).message)
      }
    })
    onUnmounted(() => {
      isGone = true
      scene?.dispose()
    })
    expose({ canvas, draw: () => scene?.draw() })

    const onKeydown = (event: KeyboardEvent): void => {
      const turns: Record<string, readonly [number, number]> = {
        ArrowLeft: [-0.12, 0],
        ArrowRight: [0.12, 0],
        ArrowUp: [0, 0.08],
        ArrowDown: [0, -0.08],
      }
      const turn = turns[event.key]
      if (!turn) return
      event.preventDefault()
      scene?.turn(...turn)
    }
    return () =>
      h('canvas', {
        ref: canvas,
        class: 'pg-relief',
        role: 'application',
        tabindex: 0,
        'data-ready': String(isReady.value),
        'aria-label': `${choice.value.title} as a relief, with both paths. The arrow keys turn it.`,
        onKeydown,
      })
  },
})
