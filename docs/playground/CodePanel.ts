import { defineComponent, h, ref, type PropType } from 'vue'
import { omission, targets, writeCode, type TargetId } from './code.js'
import type { Playground } from './state.js'

const ids = Object.keys(targets) as TargetId[]

/** The settings as a program, in each framework. */
export const CodePanel = defineComponent({
  props: { pg: { type: Object as PropType<Playground>, required: true } },
  setup(props) {
    const target = ref<TargetId>('core')
    const said = ref('')
    const list = ref<HTMLElement>()
    const text = (): string => {
      try {
        return writeCode(target.value, props.pg.settings.value)
      } catch (error) {
        return `// ${(error as Error).message}\n`
      }
    }
    const copy = async (): Promise<void> => {
      try {
        await navigator.clipboard.writeText(text())
        said.value = 'Copied.'
      } catch {
        said.value = 'The browser does not allow copying here: select the text.'
      }
      setTimeout(() => (said.value = ''), 4000)
    }
    const onKeydown = (event: KeyboardEvent): void => {
      const at = ids.indexOf(target.value)
      const next = { ArrowRight: at + 1, ArrowLeft: at + ids.length - 1 }[event.key]
      if (next === undefined) return
      event.preventDefault()
      target.value = ids[next % ids.length]!
      list.value?.querySelectorAll<HTMLElement>('[role=tab]')[next % ids.length]?.focus()
    }
    return () =>
      h('div', { class: 'pg-code' }, [
        h(
          'div',
          { role: 'tablist', 'aria-label': 'Framework of the code', ref: list, onKeydown },
          ids.map((id) =>
            h(
              'button',
              {
                type: 'button',
                role: 'tab',
                id: `pg-tab-${id}`,
                'aria-selected': id === target.value,
                'aria-controls': 'pg-code',
                tabindex: id === target.value ? 0 : -1,
                onClick: () => (target.value = id),
              },
              targets[id],
            ),
          ),
        ),
        h('div', { role: 'tabpanel', id: 'pg-code', 'aria-labelledby': `pg-tab-${target.value}` }, [
          h('button', { type: 'button', class: 'pg-button pg-copy', onClick: () => void copy() }, 'Copy'),
          h('pre', { tabindex: 0, 'aria-label': `Code for ${targets[target.value]}` }, text()),
        ]),
        h('p', { class: 'pg-note' }, omission(target.value, props.pg.settings.value)),
        h('p', { class: 'pg-note', role: 'status' }, said.value),
      ])
  },
})
