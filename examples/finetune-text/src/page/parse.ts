import type { TextExample } from '@induced-metric/transformers'

/**
 * Reads examples as people type them: JSON, a label and a text with a colon between, or a beginning and its continuation with `=>`
 * between.
 *
 * @throws if a line is none of these, naming it
 */
export function parseExamples(text: string): TextExample[] {
  return text.split('\n').flatMap((line, i): TextExample[] => {
    const content = line.trim()
    if (content === '') return []
    if (content.startsWith('{')) return [JSON.parse(content) as TextExample]
    const [prompt, completion] = content.split(/\s*=>\s*/, 2)
    if (completion !== undefined) return [{ prompt: prompt!, completion: ` ${completion}` }]
    const [, label, rest] = /^([^:]{1,40}):\s*(.+)$/.exec(content) ?? []
    if (label !== undefined) return [{ text: rest!, label: label.trim() }]
    throw new Error(`Line ${i + 1}: write “label: text”, “beginning => continuation”, or JSON.`)
  })
}

/** Writes examples in the same form. */
export function formatExamples(examples: readonly TextExample[]): string {
  const lines = examples.map((example) => {
    if ('label' in example) return `${String(example.label)}: ${example.text}`
    if ('prompt' in example) return `${example.prompt} => ${example.completion.trim()}`
    return JSON.stringify(example)
  })
  return `${lines.join('\n')}\n`
}
