import { describe, expect, it } from 'vitest'
import { commentBlocks, markdownBlocks } from './blocks.js'
import { toModules } from './modules.js'

const page = `# Title

\`\`\`ts
import { a } from 'a'
const x = a()
\`\`\`

Then:

\`\`\`ts no-run
x.y
\`\`\`

- in a list
  \`\`\`sh
  npm test
    indented
  \`\`\`

~~~js
import 'b'
~~~
`

describe('markdown', () => {
  it('gives each block with its line, language and flags', () => {
    expect(markdownBlocks('page.md', page)).toEqual([
      {
        file: 'page.md',
        line: 4,
        language: 'ts',
        flags: [],
        lines: [`import { a } from 'a'`, 'const x = a()'],
      },
      { file: 'page.md', line: 11, language: 'ts', flags: ['no-run'], lines: ['x.y'] },
      { file: 'page.md', line: 16, language: 'sh', flags: [], lines: ['npm test', '  indented'] },
      { file: 'page.md', line: 21, language: 'js', flags: [], lines: [`import 'b'`] },
    ])
  })

  it('tells of a block that is never closed', () => {
    expect(() => markdownBlocks('page.md', 'x\n```ts\nlet y\n')).toThrow('page.md:2:')
  })
})

describe('doc comments', () => {
  const source = [
    'const a = 1',
    '/**',
    ' * Adds.',
    ' *',
    ' * @example',
    ' * ```ts',
    ` * import { add } from 'x'`,
    ' *',
    ' * add(1)',
    ' * ```',
    ' * @returns a sum',
    ' */',
    'export function add() {}',
  ]

  it('give their examples with their lines', () => {
    expect(commentBlocks('a.ts', source.join('\n'))).toEqual([
      [
        {
          file: 'a.ts',
          line: 7,
          language: 'ts',
          flags: [],
          lines: [`import { add } from 'x'`, '', 'add(1)'],
        },
      ],
    ])
  })

  it('must fence their examples', () => {
    const bare = source.filter((line) => !line.includes('```'))
    expect(() => commentBlocks('a.ts', bare.join('\n'))).toThrow('a.ts:5:')
  })

  it('may have one without an example', () => {
    expect(commentBlocks('a.ts', '/** One. */\nexport const x = 1\n')).toEqual([[]])
  })
})

describe('modules', () => {
  it('go on without an import, keep their lines, and stop running at no-run', () => {
    const modules = toModules(markdownBlocks('page.md', page))
    expect(modules.map(({ name, language }) => [name, language])).toEqual([
      ['page.md:4', 'ts'],
      ['page.md:21', 'js'],
    ])
    expect(modules[0]?.checked.split('\n')[3]).toBe(`import { a } from 'a'`)
    expect(modules[0]?.checked.split('\n')[10]).toBe('x.y')
    expect(modules[0]?.run).toBe(`\n\n\nimport { a } from 'a'\nconst x = a()\n`)
  })

  it('are not run when they begin with no-run', () => {
    const [module] = toModules(markdownBlocks('page.md', `\`\`\`ts no-run\nimport 'a'\n\`\`\`\n`))
    expect(module?.run).toBeUndefined()
  })

  it('must begin with an import', () => {
    expect(() => toModules(markdownBlocks('page.md', '```ts\nx\n```\n'))).toThrow('page.md:2:')
  })
})
