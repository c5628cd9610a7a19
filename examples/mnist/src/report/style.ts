/** The page's own style sheet: no font, script or picture comes from elsewhere. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #fcfcfa; --raised: #ffffff; --ink: #1c2024; --soft: #5b646d; --rule: #dfe2e4; --tint: #3b6ea5;
  --identity: #1f6feb; --log: #d4570a; --rms: #7d3fd1; --adam: #15803d; --sgd: #68727d; --muon: #be2f7f; --adamw: #0e7490; --root: #1f6feb; --plain: #68727d; --other: #9a6700;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --raised: #1b1f23; --ink: #e8eaec; --soft: #9aa4ae; --rule: #31373d; --tint: #8fb8e0;
    --identity: #6cb0ff; --log: #ff9a52; --rms: #c09aff; --adam: #5fd07f; --sgd: #a3adb8; --muon: #ff8cc4; --adamw: #5cc8de; --root: #6cb0ff; --plain: #a3adb8; --other: #e3b341;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 17px/1.55 "Iowan Old Style", "Palatino Linotype", Palatino, "Source Serif 4", Georgia, serif;
}
main, header, footer { max-width: 1120px; margin: 0 auto; padding: 0 clamp(16px, 4vw, 40px); }
header { padding-top: clamp(28px, 6vw, 64px); }
h1 { font-size: clamp(1.8rem, 5vw, 2.7rem); line-height: 1.12; margin: 0 0 .5em; font-weight: 600; letter-spacing: -.01em; text-wrap: balance; }
h2 { font-size: 1.45rem; line-height: 1.25; margin: 2.6em 0 .5em; font-weight: 600; padding-top: .9em; border-top: 1px solid var(--rule); }
h3 { font-size: 1.08rem; margin: 1.8em 0 .4em; font-weight: 600; }
p { max-width: 68ch; margin: .5em 0 .9em; }
.lead { font-size: 1.12em; color: var(--ink); }
.facts, caption, figcaption, .legend, th, td, .notice, footer, .chart { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
.facts { display: flex; flex-wrap: wrap; gap: .3em 2em; margin: 1.4em 0 0; padding: 0; font-size: .84rem; color: var(--soft); }
.facts div { display: flex; gap: .5em; }
.facts dt { font-weight: 400; } .facts dd { margin: 0; color: var(--ink); font-variant-numeric: tabular-nums; }
.notice { font-size: .9rem; margin: 1.6em 0 0; border-left: 3px solid var(--log); padding: .5em 1em; background: var(--raised); max-width: 68ch; }
.notice ul { margin: .2em 0; padding-left: 1.2em; }

.scroll { overflow-x: auto; margin: 1em 0; }
.scroll:focus-visible { outline: 2px solid var(--tint); outline-offset: 3px; }
table { border-collapse: collapse; font-size: .86rem; line-height: 1.35; font-variant-numeric: tabular-nums; min-width: 100%; }
caption { text-align: left; color: var(--soft); font-size: .84rem; padding-bottom: .5em; }
th, td { text-align: left; padding: .42em .9em .42em 0; border-bottom: 1px solid var(--rule); font-weight: 400; vertical-align: baseline; }
thead th { color: var(--soft); font-size: .78rem; border-bottom: 1px solid var(--soft); vertical-align: bottom; white-space: nowrap; }
tbody th { white-space: nowrap; font-weight: 500; }
.figure { text-align: right; white-space: nowrap; }
td:last-child, th:last-child { padding-right: 0; }
td.reason { color: var(--soft); min-width: 20em; font-size: .8rem; }
td.optimizer { white-space: nowrap; } td.optimizer .swatch { margin-right: .4em; }
tbody th[rowspan] { vertical-align: top; }
tr.first > * { border-top: 1px solid var(--soft); }
.mark { white-space: nowrap; } .mark.yes { color: var(--adam); } .mark.no { color: var(--log); } .mark.chaotic { color: var(--soft); }

.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); gap: 22px 28px; margin: 1em 0; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .84rem; color: var(--soft); margin-top: .4em; max-width: 62ch; line-height: 1.45; }
figcaption strong { color: var(--ink); font-weight: 600; }

.legend { display: flex; flex-wrap: wrap; gap: .35em 1.3em; align-items: center; border: 0; padding: .6em 0; margin: .6em 0; font-size: .86rem;
  position: sticky; top: 0; background: var(--paper); z-index: 1; }
.legend legend { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.legend label { display: inline-flex; align-items: center; gap: .4em; cursor: pointer; }
.legend input { accent-color: var(--soft); margin: 0; }
.swatch { width: 22px; height: 8px; flex: none; overflow: visible; }
th .swatch { margin-right: .55em; vertical-align: .1em; }
.swatch path { stroke: var(--c); stroke-width: 2.4; stroke-dasharray: var(--dash); fill: none; }

.chart { display: block; width: 100%; height: auto; font-size: 11.5px; color: var(--ink); overflow: visible; }
.chart text, .chart tspan { white-space: pre; }
.chart [aria-label$="axis tick label"], .chart [aria-label$="axis label"] { fill: var(--soft); color: var(--soft); }
.chart [aria-label$="axis tick"] { stroke: var(--rule); }
.chart [aria-label$="grid"] { stroke: var(--rule); stroke-opacity: 1; }
.series { --c: var(--other); --dash: none; }
.s-identity { --c: var(--identity); } .s-log { --c: var(--log); } .s-rms { --c: var(--rms); }
.s-adam { --c: var(--adam); --dash: 7 3; } .s-sgd { --c: var(--sgd); --dash: 2 2.5; } .s-muon { --c: var(--muon); --dash: 7 2.5 2 2.5; }
.s-adamw { --c: var(--adamw); --dash: 4 2; } .s-root { --c: var(--root); } .s-plain { --c: var(--plain); --dash: 7 3; }
.s-free { --c: var(--log); --dash: 2 2.5; }
.chart .series { stroke: var(--c); stroke-width: 1.7; stroke-dasharray: var(--dash); stroke-linejoin: round; }
.chart .series.faint { stroke-width: 1; stroke-opacity: .38; stroke-dasharray: none; }
.chart .series.filled { fill: var(--c); stroke: var(--paper); stroke-width: 1; stroke-dasharray: none; }
.chart .series.ring { fill: none; stroke-width: 1.6; stroke-dasharray: none; }
.chart .path { stroke-width: 1.6; }
.chart .path.chaotic { stroke-width: .7; stroke-opacity: .45; stroke-dasharray: none; }
.chart .reference { stroke: var(--soft); stroke-dasharray: 4 3; stroke-width: 1; }
.chart .contour { color: var(--tint); fill-opacity: .065; stroke-opacity: .3; stroke-width: .6; }
.chart .minimum { stroke: var(--ink); stroke-width: 1.8; }
.chart .start { fill: var(--paper); stroke: var(--ink); stroke-width: 1.6; }

footer { margin-top: 4em; padding-top: 1.2em; padding-bottom: 4em; font-size: .82rem; color: var(--soft); }
footer p { max-width: 80ch; }
@media (max-width: 560px) { .chart { font-size: 14.5px; } }
@media print { .legend { position: static; } .scroll { overflow: visible; } }
`
