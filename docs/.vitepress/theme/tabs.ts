import { computed, defineComponent, h, nextTick, onMounted, onUnmounted, ref, type PropType } from 'vue'

const storageKey = 'induced-metric-tab'

/** The label that the reader chose last. All tabs of a page follow it, and it is remembered. */
const chosen = ref('')

/** The tab that a key leads to: arrows go round, Home and End lead to the ends. */
function destination(key: string, from: number, count: number): number | undefined {
  const places: Record<string, number> = {
    ArrowRight: (from + 1) % count,
    ArrowLeft: (from + count - 1) % count,
    Home: 0,
    End: count - 1,
  }
  return places[key]
}

/** Sections of a page as tabs (the ARIA pattern). A section keeps the id of its heading, so that links to it open it. */
export const SiteTabs = defineComponent({
  props: {
    ids: { type: Array as PropType<string[]>, required: true },
    labels: { type: Array as PropType<string[]>, required: true },
  },
  setup(props, { slots }) {
    const list = ref<HTMLElement>()
    const selected = computed(() => Math.max(0, props.labels.indexOf(chosen.value)))

    function choose(index: number): void {
      const label = props.labels[index]
      if (label === undefined) return
      chosen.value = label
      localStorage.setItem(storageKey, label)
    }

    /** Opens the tab that the address names. */
    function follow(): void {
      const id = decodeURIComponent(location.hash.slice(1))
      const index = props.ids.indexOf(id)
      if (index < 0) return
      choose(index)
      void nextTick(() => document.getElementById(id)?.scrollIntoView())
    }

    function onKeydown(event: KeyboardEvent): void {
      const next = destination(event.key, selected.value, props.ids.length)
      if (next === undefined) return
      event.preventDefault()
      choose(next)
      list.value?.querySelectorAll<HTMLElement>('[role=tab]')[next]?.focus()
    }

    onMounted(() => {
      if (chosen.value === '') chosen.value = localStorage.getItem(storageKey) ?? ''
      follow()
      window.addEventListener('hashchange', follow)
    })
    onUnmounted(() => window.removeEventListener('hashchange', follow))

    const tab = (index: number) =>
      h(
        'button',
        {
          type: 'button',
          role: 'tab',
          id: `${props.ids[index]}-tab`,
          'aria-selected': index === selected.value,
          'aria-controls': props.ids[index],
          tabindex: index === selected.value ? 0 : -1,
          onClick: () => choose(index),
        },
        props.labels[index],
      )
    const panel = (index: number) =>
      h(
        'div',
        {
          role: 'tabpanel',
          id: props.ids[index],
          'aria-labelledby': `${props.ids[index]}-tab`,
          hidden: index !== selected.value,
        },
        slots[`panel${index}`]?.(),
      )
    return () =>
      h('div', { class: 'site-tabs' }, [
        h(
          'div',
          { role: 'tablist', 'aria-label': 'Framework', ref: list, onKeydown },
          props.ids.map((_, i) => tab(i)),
        ),
        ...props.ids.map((_, i) => panel(i)),
      ])
  },
})
