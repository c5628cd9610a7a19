import { defineComponent, h, onUnmounted, ref, shallowRef, type VNode } from 'vue'
import { show } from '../settings.js'
import type { BenchNews, BenchSection } from './benchWorker.js'
import type { Comparison } from './compare.js'
import '../playground.css'

const sections: Readonly<Record<BenchSection, string>> = {
  loop: 'A step of induced Adam, beside Adam as a loop of JavaScript',
  training: 'A training on handwritten digits, with either step',
  tf: 'A step of the adapter, beside tf.train.adam',
  demo: 'A step of the training of npm run demo, beside the same with tf.train.adam, on the wasm backend',
}

/** Times the library on the visitor's machine. It stands alone, as the playground does. */
export const LiveBenchmark = defineComponent({
  setup() {
    const rows = shallowRef<readonly (readonly [BenchSection, Comparison])[]>([])
    const status = ref('')
    const backend = ref('')
    const isRunning = ref(false)
    let worker: Worker | undefined
    const stop = (): void => {
      worker?.terminate()
      worker = undefined
      isRunning.value = false
    }
    onUnmounted(stop)

    const hear = ({ data }: MessageEvent<BenchNews>): void => {
      if (data.kind === 'row') rows.value = [...rows.value, [data.section, data.row]]
      else if (data.kind === 'backend') backend.value = data.name
      else {
        status.value = data.kind === 'failed' ? data.message : 'done'
        stop()
      }
    }
    const start = (): void => {
      rows.value = []
      backend.value = ''
      status.value = 'measuring … other work on this machine changes the times, and less so the ratios'
      isRunning.value = true
      worker = new Worker(new URL('benchWorker.ts', import.meta.url), { type: 'module' })
      worker.addEventListener('message', hear)
      worker.addEventListener('error', ({ message }) => {
        status.value = message || 'the worker did not start'
        stop()
      })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
      worker.postMessage('start')
    }
    const bar = (ratio: number): VNode =>
      h('span', { class: 'pg-bar', 'aria-hidden': 'true' }, [
        h('i', { style: `width: ${Math.min(100, 10 * ratio).toFixed(1)}%` }),
      ])
    const table = (section: BenchSection): VNode | undefined => {
      const own = rows.value.filter(([of]) => of === section)
      if (own.length === 0) return undefined
      const title = sections[section] + (section === 'tf' ? `, on the ${backend.value} backend` : '')
      return h('table', { class: 'pg-bench', 'data-section': section }, [
        h('caption', title),
        h(
          'thead',
          h(
            'tr',
            ['', 'this library', 'the other', 'ratio', ''].map((text) =>
              h(text === '' ? 'td' : 'th', { scope: text === '' ? undefined : 'col' }, text),
            ),
          ),
        ),
        h(
          'tbody',
          own.map(([, { what, ours, other, ratio }]) =>
            h('tr', [
              h('th', { scope: 'row' }, what),
              h('td', `${show(ours)} ms`),
              h('td', `${show(other)} ms`),
              h('td', h('b', `${show(ratio)} ×`)),
              h('td', bar(ratio)),
            ]),
          ),
        ),
      ])
    }
    return () =>
      h('div', { class: 'pg pg-live', 'data-running': String(isRunning.value) }, [
        h('p', [
          h(
            'button',
            { type: 'button', class: 'pg-button', onClick: isRunning.value ? stop : start },
            isRunning.value ? 'Stop' : 'Measure on this machine',
          ),
        ]),
        h('p', { class: 'pg-note', role: 'status' }, status.value),
        (['loop', 'training', 'tf', 'demo'] as const).map(table),
      ])
  },
})
