/** A quoted text: errors quote names. */
const quoted = '"(?:[^"\\\\]|\\\\.)*"'

/** Matches an option where an error means it as one, not where it lists names of the model. */
const option = (name: string): RegExp => new RegExp(`(^|: |\\b(?:and|in|see|with) )${name}\\b`, 'g')

/** The names of options in errors, and the flags of the command line. */
const names: readonly (readonly [RegExp, string])[] = [
  [option('requiresGrad'), '$1--trainable'],
  [option('frozen'), '$1--frozen'],
  [option('promoteConstants: true'), '$1--promote-constants'],
  [option('inputs'), '$1--inputs'],
  [option('bind'), '$1--bind'],
  [option('outputNames'), '$1--loss-inputs'],
  [option('additionalOutputs'), '$1--additional-outputs'],
  [option('ignoreIndex'), '$1--ignore-index'],
  [/\bgive a loss\b/g, 'give --loss'],
  [/\bcrossEntropyLoss\(\{ ignoreIndex \}\)/g, 'generate --ignore-index N'],
  [/\bstart it afresh with optimizerState: 'fresh'/g, 'start again with --restart'],
  [/\bgive one as dtype\b/g, 'give one as --dtype'],
  [/\bgive the task\b/g, 'give --task'],
  [/\bgive problem: '(\w+)'/g, 'give --problem $1'],
  [/\bgive labels: \[name\]/g, 'give --labels NAME'],
  [/\braise maxLength\b/g, 'raise --max-length'],
  [/\bthe option (gradients|lowerings)\b/g, 'the option $1 of a program'],
  [/\b(train|eval)Model\b/g, '$1 model'],
  [/\brunTrainStep\b/g, 'a train step'],
  [/\brunEvalStep\b/g, 'an eval step'],
]

/** Rewrites an error of the library with the flags of the command line. Quoted text is a name and stays. */
export function nameFlags(message: string): string {
  const listed = new RegExp(`outputNames: \\[(${quoted}(?:, ${quoted})*)\\]`, 'g')
  return message
    .replace(listed, (_, list: string) => {
      const values = [...list.matchAll(new RegExp(quoted, 'g'))].map(([text]) => JSON.parse(text) as string)
      return `--loss-inputs ${values.join(',')}`
    })
    .split(new RegExp(`(${quoted})`))
    .map((part, i) =>
      i % 2 === 1 ? part : names.reduce((text, [pattern, flag]) => text.replace(pattern, flag), part),
    )
    .join('')
}
