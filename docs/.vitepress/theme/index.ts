import DefaultTheme from 'vitepress/theme-without-fonts'
import type { Theme } from 'vitepress'
import { defineAsyncComponent } from 'vue'
import { SiteTabs } from './tabs.js'
import './style.css'

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('SiteTabs', SiteTabs)
    app.component(
      'MetricPlayground',
      defineAsyncComponent(
        async () => (await import('../../playground/MetricPlayground.js')).MetricPlayground,
      ),
    )
    app.component(
      'LiveBenchmark',
      defineAsyncComponent(
        async () => (await import('../../playground/benchmark/LiveBenchmark.js')).LiveBenchmark,
      ),
    )
  },
} satisfies Theme
