import {
  defineAsyncComponent,
  defineComponent,
  h,
  onMounted,
  onUnmounted,
  ref,
  type Component,
  type PropType,
} from 'vue'
import type { Playground } from './state.js'

/** Makes a part of the page that is loaded when it comes near the view. The first picture does without it. */
export function later(load: () => Promise<Component>): Component {
  const Part = defineAsyncComponent(load)
  return defineComponent({
    props: { pg: { type: Object as PropType<Playground>, required: true } },
    setup(props) {
      const place = ref<HTMLElement>()
      const isNear = ref(false)
      const observer = ref<IntersectionObserver>()
      onMounted(() => {
        // Before the keyboard gets there: the focus of the control above brings the page so far.
        observer.value = new IntersectionObserver(
          (entries) => {
            if (!entries.some(({ isIntersecting }) => isIntersecting)) return
            isNear.value = true
            observer.value?.disconnect()
          },
          { rootMargin: '400px' },
        )
        observer.value.observe(place.value!)
      })
      onUnmounted(() => observer.value?.disconnect())
      return () => h('div', { ref: place, class: 'pg-later' }, isNear.value ? h(Part, props) : undefined)
    },
  })
}
