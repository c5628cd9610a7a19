import { describe, expect, it } from 'vitest'
import { formatExamples, parseExamples } from '../src/page/parse.js'
import { completions, labelledReviews } from '../src/samples.js'

describe('examples as people type them', () => {
  it('are labels, continuations and JSON', () => {
    const text = 'good: a film: the best\n\nthe cat sees => no bread.\n{"text": "a dog"}\n'
    expect(parseExamples(text)).toEqual([
      { label: 'good', text: 'a film: the best' },
      { prompt: 'the cat sees', completion: ' no bread.' },
      { text: 'a dog' },
    ])
  })

  it('are read as they are written', () => {
    for (const examples of [labelledReviews, completions])
      expect(parseExamples(formatExamples(examples))).toEqual(examples)
  })

  it('name the line that is none', () => {
    expect(() => parseExamples('good: a film\nnothing')).toThrow(/^Line 2: write/)
  })
})
