// Colours that differ in lightness and hue, also for colour-blind readers; dashes tell neighbours apart.
const light = ['#1f6feb', '#d4570a', '#15803d', '#be2f7f', '#7d3fd1', '#0e7490', '#8a6500', '#5b646d']
const dark = ['#6cb0ff', '#ff9a52', '#5fd07f', '#ff8cc4', '#c09aff', '#5cc8de', '#e3b341', '#a3adb8']
const dashes = ['none', '7 3', '2 2.5', '7 2.5 2 2.5', '4 2', 'none', '7 3', '2 2.5']

const colours = (values: readonly string[]): string =>
  values.map((value, i) => `--c${i}: ${value};`).join(' ')

/** The page's own style sheet: no font, script or picture comes from elsewhere. */
export const style = `
:root { color-scheme: light dark; --paper: #fcfcfa; --raised: #fff; --ink: #1c2024; --soft: #59626b; --rule: #dfe2e4; --good: #0f6b3a; --poor: #f2ede2; --on-good: #fff; --bad: #a83a12; ${colours(light)} }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171a; --raised: #1b1f23; --ink: #e8eaec; --soft: #9aa4ae; --rule: #31373d; --good: #8fe3b0; --poor: #23282d; --on-good: #10241a; --bad: #ff9a7a; ${colours(dark)} }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: clamp(20px, 4vw, 48px) clamp(16px, 4vw, 40px) 5em; }
h1 { font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2; margin: 0 0 .6em; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.4em 0 .4em; padding-top: .9em; border-top: 1px solid var(--rule); }
p { max-width: 75ch; margin: .4em 0 .9em; } .soft, figcaption, caption { color: var(--soft); }
.skip { position: absolute; left: -999rem; } .skip:focus { position: static; }
nav ul { display: flex; flex-wrap: wrap; gap: .2em 1.2em; list-style: none; padding: 0; margin: 1em 0; }
a { color: inherit; } a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 3px solid var(--c0); outline-offset: 2px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9em, 1fr)); gap: .6em 1.6em; margin: 0; }
.facts dt { color: var(--soft); font-size: .85rem; } .facts dd { margin: 0; font-size: 1.1rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .8em 0; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; min-width: 100%; }
caption { text-align: left; font-size: .85rem; padding-bottom: .4em; }
th, td { text-align: left; padding: .35em .9em .35em 0; border-bottom: 1px solid var(--rule); font-weight: 400; vertical-align: baseline; white-space: nowrap; }
thead th { color: var(--soft); font-size: .8rem; border-bottom-color: var(--soft); }
tbody tr:first-child td.value { font-weight: 650; }
td.number, th.number { text-align: right; }
.failed { color: var(--bad); } pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .82rem; background: var(--raised); border: 1px solid var(--rule); padding: .7em; margin: .3em 0 1em; }
summary { cursor: pointer; padding: .3em 0; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 18px 26px; margin: 1em 0; }
figure { margin: 0; min-width: 0; } figcaption { font-size: .85rem; margin: .2em 0; }
.legend { display: flex; flex-wrap: wrap; gap: .3em 1.3em; list-style: none; padding: 0; margin: .6em 0; font-size: .88rem; }
.legend li { display: inline-flex; align-items: center; gap: .45em; }
.swatch { width: 26px; height: 10px; flex: none; } .swatch path { stroke: var(--c); stroke-width: 3; stroke-dasharray: var(--dash); fill: none; }
.chart { display: block; width: 100%; height: auto; font-size: 11.5px; color: var(--ink); overflow: visible; }
.chart text, .chart tspan { white-space: pre; }
.chart [aria-label$="axis tick label"], .chart [aria-label$="axis label"] { fill: var(--soft); color: var(--soft); }
.chart [aria-label$="axis tick"] { stroke: var(--rule); } .chart [aria-label$="grid"] { stroke: var(--rule); stroke-opacity: 1; }
${light.map((_, i) => `.s-${i} { --c: var(--c${i}); --dash: ${dashes[i]}; }`).join(' ')}
.chart .path { stroke: var(--c); stroke-width: 2; stroke-dasharray: var(--dash); stroke-linejoin: round; } .chart .path.thin { stroke-width: 1.3; }
.chart .spot, .chart .knot { fill: var(--c); stroke: none; } .chart .spot { fill-opacity: .62; }
.chart .strip { stroke: var(--c); stroke-opacity: .45; } .chart .median { stroke: var(--ink); stroke-width: 2.5; }
.chart .band { fill: var(--c); fill-opacity: .13; }
${Array.from({ length: 10 }, (_, i) => `.chart .tone-${i} { fill: color-mix(in oklab, var(--good) ${100 - i * 11}%, var(--poor)); }`).join(' ')}
.chart .cell-text { fill: var(--ink); stroke: var(--paper); stroke-width: 3px; paint-order: stroke; stroke-linejoin: round; font-size: 10px; }
.chart .best-cell { stroke: var(--ink); stroke-width: 2.5; }
@media (max-width: 560px) { .chart { font-size: 14px; } }
@media print { .scroll { overflow: visible; } }
`.trim()
