import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { selectNames } from '../../src/artifacts/select.js'

const candidates = new Map(
  ['body.0.weight', 'body.0.bias', 'body.1.weight', 'head.weight', 'head.bias', 'a*b'].map((name) => [
    name,
    { size: name.length },
  ]),
)
const select = (selector: Parameters<typeof selectNames<{ size: number }>>[0]) =>
  selectNames(selector, candidates, 'frozen')

describe('selectNames', () => {
  it('takes a name', () => {
    expect(select('head.bias')).toEqual(['head.bias'])
  })

  it('takes globs, whose stars run over dots', () => {
    expect(select('body.*')).toEqual(['body.0.weight', 'body.0.bias', 'body.1.weight'])
    expect(select('*.weight')).toEqual(['body.0.weight', 'body.1.weight', 'head.weight'])
    expect(select('b*0*s')).toEqual(['body.0.bias'])
    expect(select('*')).toEqual([...candidates.keys()])
    expect(select('head.bias*')).toEqual(['head.bias'])
  })

  it('lets two parts of a glob share no characters', () => {
    expect(() => select('head.bias*s')).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    expect(() => select('*head*head*')).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })

  it('takes every other character as it is', () => {
    for (const pattern of ['head.b?as', 'head.[b]ias', 'headxbias', 'HEAD.bias', '']) {
      expect(() => select(pattern)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    }
  })

  it('takes regular expressions, global ones included', () => {
    expect(select(/bias/)).toEqual(['body.0.bias', 'head.bias'])
    expect(select(/bias/g)).toEqual(['body.0.bias', 'head.bias'])
    expect(select(/^head/y)).toEqual(['head.weight', 'head.bias'])
  })

  it('takes a list, and keeps the order of the candidates', () => {
    expect(select(['head.*', 'body.0.bias', 'head.bias', /1/])).toEqual([
      'body.0.bias',
      'body.1.weight',
      'head.weight',
      'head.bias',
    ])
    expect(select([])).toEqual([])
  })

  it('takes a predicate, which may pick nothing', () => {
    expect(select((name, { size }) => name.startsWith('head') && size > 9)).toEqual(['head.weight'])
    expect(select(() => false)).toEqual([])
  })

  it('says what is near a pattern that fits nothing', () => {
    expect(() => select(['head.*', 'haed.bias'])).toThrow(/frozen names "haed\.bias".* head\.bias/)
    const many = new Map(Array.from({ length: 40 }, (_, i) => [`layers.${i}.weight`, undefined]))
    expect(() => selectNames('layer.17.weight', many, 'targets')).toThrow(
      /of 40 the nearest are layers\.17\.weight, /,
    )
    expect(() => selectNames('*', new Map(), 'targets')).toThrow(/nothing to choose from/)
  })

  it('fits globs as the regular expression of the same meaning does', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 })
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 6 })
    fc.assert(
      fc.property(text, glob, (name, pattern) => {
        const expression = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
        const pick = () => selectNames(pattern, new Map([[name, undefined]]), 'targets')
        if (expression.test(name)) expect(pick()).toEqual([name])
        else expect(pick).toThrow(/fits none/)
      }),
      { numRuns: 2000 },
    )
  })
})
