import { computed, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import type { RunPair } from './pair.js'
import { readSettings, writeSettings, type Settings } from './settings.js'
import { lacksParser, loadParser } from './parser.js'
import { createSurface, type Surface } from './surface.js'
import { choiceOf, formulaOf, type SurfaceChoice } from './surfaces.js'
import { liftOf, type Lift } from './contours.js'
import { Threads } from './threads.js'

/** What a drawing shows. */
export interface View {
  readonly settings: ShallowRef<Settings>
  readonly choice: ComputedRef<SurfaceChoice>
  /** The surface of the latest formula that can be read. */
  readonly surface: ShallowRef<Surface>
  readonly lift: ShallowRef<Lift>
  readonly runs: ShallowRef<RunPair | undefined>
  /** The step that the gauges and the ball show. */
  readonly step: Ref<number>
  readonly change: (patch: Partial<Settings>) => void
}

/** The playground's state, and what changes it. */
export interface Playground extends View {
  /** What is wrong with the settings; empty where nothing is. */
  readonly problem: Ref<string>
  readonly threads: Threads
  dispose(): void
}

/** Whether the visitor asked for as little motion as possible. */
export const wantsLittleMotion = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches

/** Creates the state, from the address of the page. */
export function createPlayground(): Playground {
  const settings = shallowRef(readSettings(location.search))
  const choice = computed(() => choiceOf(settings.value.surface))
  const problem = ref('')
  const surface = shallowRef(createSurface(formulaOf(readSettings(''))))
  const lift = shallowRef(liftOf(readSettings('')))
  const runs = shallowRef<RunPair>()
  const step = ref(0)
  const threads = new Threads()
  let isRunning = false
  let isStale = false

  const tell = (error: unknown): void => {
    problem.value = (error as Error).message
  }

  /** Runs the latest settings; while a run is under way, only the last change waits. */
  const run = async (): Promise<void> => {
    isStale = true
    if (isRunning) return
    isRunning = true
    while (isStale) {
      isStale = false
      try {
        const result = await threads.run(settings.value, surface.value.formula)
        const wasAtEnd = runs.value === undefined || step.value >= runs.value.induced.scales.length
        runs.value = result
        const last = result.induced.scales.length
        step.value = wasAtEnd ? last : Math.min(step.value, last)
        problem.value = ''
      } catch (error) {
        tell(error)
      }
    }
    isRunning = false
  }

  const follow = (): void => {
    if (lacksParser(settings.value)) {
      // Then with the settings of that time.
      loadParser().then(follow, tell)
      return
    }
    try {
      surface.value = createSurface(formulaOf(settings.value))
      lift.value = liftOf(settings.value)
    } catch (error) {
      tell(error)
      return
    }
    void run()
  }
  let saving: ReturnType<typeof setTimeout> | undefined
  const stopWatching = watch(
    settings,
    () => {
      follow()
      clearTimeout(saving)
      // Browsers refuse to change an address many times a second.
      saving = setTimeout(() => {
        const query = writeSettings(settings.value)
        history.replaceState(history.state, '', query === '' ? location.pathname : `?${query}`)
      }, 250)
    },
    { flush: 'sync' },
  )
  follow()
  return {
    settings,
    choice,
    surface,
    lift,
    runs,
    step,
    problem,
    threads,
    change(patch) {
      settings.value = { ...settings.value, ...patch }
    },
    dispose() {
      clearTimeout(saving)
      stopWatching()
      threads.terminate()
    },
  }
}
