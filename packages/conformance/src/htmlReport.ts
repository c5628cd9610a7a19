import { byFamily, type CaseResult, type ConformanceReport } from './report.js'

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

const words = {
  passed: 'passed',
  failed: 'failed',
  'not-supported-as-declared': 'not supported',
} as const

const style = `
:root { color-scheme: light dark; --text: #1b1b1b; --soft: #595959; --back: #fff; --line: #d0d0d0; --bad: #b3261e; --good: #1f6e1f; --mark: #f3f3f3 }
@media (prefers-color-scheme: dark) {
  :root { --text: #ececec; --soft: #b0b0b0; --back: #161616; --line: #444; --bad: #ff8a80; --good: #7fd67f; --mark: #242424 }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; font-size: .95rem }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
pre { white-space: pre-wrap; margin: .25rem 0; font-size: .9rem; overflow-wrap: anywhere }
code { font-size: .9rem; overflow-wrap: anywhere }
.failed { color: var(--bad); font-weight: 600 } .passed { color: var(--good) } .soft { color: var(--soft) }
details { border-bottom: 1px solid var(--line) } summary { cursor: pointer; padding: .4rem 0 }
summary:focus-visible, a:focus-visible { outline: 3px solid currentColor; outline-offset: 2px }
.skip { position: absolute; left: -999rem } .skip:focus { position: static }
.wide { overflow-x: auto }
`.trim()

/** The error of the worst comparison as a share of the allowed one. */
function worst(cases: readonly CaseResult[]): string {
  const used = cases.flatMap(({ worst, status }) =>
    worst === undefined || worst.tolerance === 0 || status === 'failed'
      ? []
      : [worst.error / worst.tolerance],
  )
  return used.length === 0 ? '' : Math.max(...used).toPrecision(2)
}

function cells(tag: 'td' | 'th', given: readonly (string | number)[]): string {
  return given
    .map(
      (cell, i) =>
        `<${tag}${i === 0 ? '' : ' class="n"'}${tag === 'th' ? ' scope="col"' : ''}>${cell}</${tag}>`,
    )
    .join('')
}

function caseRows(cases: readonly CaseResult[]): string {
  return cases
    .map(({ id, title, status, message = '' }) => {
      const note =
        status === 'not-supported-as-declared' ? `<br><span class="soft">${escape(message)}</span>` : ''
      return `<tr><td><code>${escape(id)}</code></td><td>${escape(title)}${note}</td><td class="${status === 'not-supported-as-declared' ? 'soft' : status}">${words[status]}</td></tr>`
    })
    .join('\n')
}

/**
 * A report as a page of its own, without a script or anything from elsewhere: the failures with their messages, the counts by
 * family, and every case. Works by keyboard, in light and dark.
 */
export function htmlReport(report: ConformanceReport): string {
  const { manifest, cases, totals, version, seed, filter } = report
  const { name, backend, framework } = manifest
  const title = `Conformance of ${name} ${manifest.version}`
  const failures = cases.filter(({ status }) => status === 'failed')
  const families = byFamily(cases)
  const of = (family: string): CaseResult[] => cases.filter((one) => one.family === family)
  const facts = [
    ['framework', framework === undefined ? '' : `${framework.name} ${framework.version}`],
    ['backend', backend ?? ''],
    ['types', manifest.dtypes.join(', ')],
    ['suite', `version ${version}, seed ${seed}`],
    ['part', filter === undefined ? '' : `${filter}: a part shows no conformance`],
  ].filter(([, value]) => value !== '')
  const counts = (row: Readonly<Record<CaseResult['status'], number>>): number[] => [
    row.passed,
    row.failed,
    row['not-supported-as-declared'],
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>
${style}
</style>
</head>
<body>
<a class="skip" href="#cases">To the cases</a>
<main>
<h1>${escape(title)}</h1>
<p class="${totals.failed === 0 ? 'passed' : 'failed'}">${totals.failed === 0 ? 'Nothing failed' : `${totals.failed} failed`}: ${totals.passed} passed, ${totals['not-supported-as-declared']} not supported, as declared.</p>
<table><tbody>
${facts.map(([key, value]) => `<tr><th scope="row">${key}</th><td>${escape(value!)}</td></tr>`).join('\n')}
</tbody></table>
${
  failures.length === 0
    ? ''
    : `<h2>Failures</h2>
${failures.map(({ id, message = '' }) => `<section><h3 class="failed"><code>${escape(id)}</code></h3><pre>${escape(message)}</pre></section>`).join('\n')}`
}
<h2>Families</h2>
<div class="wide"><table>
<thead><tr>${cells('th', ['family', 'passed', 'failed', 'not supported', 'worst error/allowed'])}</tr></thead>
<tbody>
${families.map((row) => `<tr>${cells('td', [escape(row.family), ...counts(row), worst(of(row.family))])}</tr>`).join('\n')}
<tr>${cells('td', ['<strong>all</strong>', ...counts(totals), ''])}</tr>
</tbody></table></div>
<h2 id="cases">Cases</h2>
${families
  .map(
    (
      row,
    ) => `<details${row.failed > 0 ? ' open' : ''}><summary>${escape(row.family)} (${of(row.family).length})</summary>
<div class="wide"><table><tbody>
${caseRows(of(row.family))}
</tbody></table></div></details>`,
  )
  .join('\n')}
</main>
</body>
</html>
`
}
