import type { TextExample } from '@induced-metric/transformers'

const good = [
  'wonderful',
  'great',
  'lovely',
  'brilliant',
  'funny',
  'warm',
  'moving',
  'superb',
  'charming',
  'excellent',
]
const bad = ['awful', 'dull', 'boring', 'terrible', 'bad', 'slow', 'ugly', 'weak', 'clumsy', 'poor']

/** Says something about a film with a word. */
const reviews: readonly ((word: string) => string)[] = [
  (word) => `the film was ${word}`,
  (word) => `it is really ${word}`,
  (word) => `a very ${word} story`,
  (word) => `the acting was ${word} and the music too`,
]

const subjects = ['the cat', 'a dog', 'the child', 'my friend', 'the old man', 'a small bird']
const verbs = ['sees', 'likes', 'finds', 'draws']

/** Reviews of films with a label. */
export const labelledReviews: readonly TextExample[] = reviews.flatMap((write) => [
  ...good.map((word) => ({ text: write(word), label: 'positive' })),
  ...bad.map((word) => ({ text: write(word), label: 'negative' })),
])

/** Sentences that all end alike. */
export const completions: readonly TextExample[] = subjects.flatMap((subject) =>
  verbs.map((verb) => ({ prompt: `${subject} ${verb}`, completion: ' no bread.' })),
)
