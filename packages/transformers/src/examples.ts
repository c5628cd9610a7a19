import { optionError, shapeError, show } from '@induced-metric/core/adapter'
import { coded } from '@induced-metric/onnx/adapter'
import { Template } from '@huggingface/jinja'
import { ignoredLabel, type ProblemType } from './losses.js'
import type { TextModel } from './textModel.js'

/** A message of a conversation. */
export interface Message {
  readonly role: string
  readonly content: string
}

/** A text, or two, with a label: a class by its name or its index, several classes, or a number. */
export interface LabelledText {
  readonly text: string
  readonly text_pair?: string
  readonly label: string | number | readonly (string | number)[]
}

/**
 * A text for a language model. All tokens of a `text` are learnt; of `prompt` and `completion`, and of `messages`, only those
 * of the completion, and of what the assistant says.
 */
export type GeneratedText =
  | { readonly text: string }
  | { readonly prompt: string; readonly completion: string }
  | { readonly messages: readonly Message[] }

/** An example, as a line of a .jsonl file holds it. */
export type TextExample = LabelledText | GeneratedText

/** The tokens of an example. */
export interface EncodedExample {
  readonly ids: readonly number[]
  /** The sequence of each token: 0 for the text, 1 for its pair. */
  readonly types: readonly number[]
  /**
   * For a language model the label of each token, which is the next token, or −100; for a classifier one class, or a value for
   * each class.
   */
  readonly labels: readonly number[]
  /** Whether tokens were cut off. */
  readonly truncated: boolean
}

/** Turns examples into tokens. */
export type Encode = (example: TextExample, place: string) => EncodedExample

/**
 * The tokens of labelled texts.
 *
 * @param labels the names of the classes, in their order; undefined for a regression
 * @param maxLength the most tokens of an example; those before the last special one are cut off
 */
export function classificationEncoder(
  { tokenizer }: TextModel,
  labels: readonly string[],
  problem: ProblemType,
  maxLength: number,
): Encode {
  return (example, place) => {
    const { text, text_pair: pair, label } = fieldsOf(example) as Partial<LabelledText>
    if (typeof text !== 'string' || label === undefined || (pair !== undefined && typeof pair !== 'string')) {
      throw optionError(
        `${place} ${described(example)}; a classifier takes { text, label } or { text, text_pair, label }`,
      )
    }
    const { ids, token_type_ids: types = [] } = tokenizer.encode(text, {
      ...(pair !== undefined && { text_pair: pair }),
      return_token_type_ids: true,
    })
    const values =
      problem === 'regression'
        ? regressionValues(label, labels.length, place)
        : classes(label, labels, problem, place)
    return { ...truncate(ids, types, maxLength), labels: values }
  }
}

/** The fields of an example, which a file may hold in any form: none of what is no object. */
export function fieldsOf(example: unknown): Readonly<Record<string, unknown>> {
  return typeof example === 'object' && example !== null ? (example as Record<string, unknown>) : {}
}

/** Says what an example has. */
function described(example: unknown): string {
  if (typeof example !== 'object' || example === null || Array.isArray(example)) return `is ${show(example)}`
  const fields = Object.entries(example).map(([name, value]) => `${name}: ${show(value)}`)
  return fields.length === 0 ? 'is empty' : `has ${fields.join(', ')}`
}

/** The tokens of texts for a language model. */
export function generationEncoder(model: TextModel, maxLength: number): Encode {
  const { tokenizer } = model
  const end = endToken(model)
  const plain = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids
  return (example, place) => {
    const parts = partsOf(example, model, place)
    const encoded = parts.map(({ text, opens }) => (opens ? tokenizer.encode(text).ids : plain(text)))
    const ids = encoded.flat()
    const learnt = encoded.flatMap((part, i) => part.map(() => parts[i]!.learnt))
    if (parts.at(-1)!.ends && end !== undefined && ids.at(-1) !== end) {
      ids.push(end)
      learnt.push(true)
    }
    const kept = ids.slice(0, maxLength)
    const labels = kept.map((_, i) => (i + 1 < kept.length && learnt[i + 1]! ? kept[i + 1]! : ignoredLabel))
    if (labels.every((label) => label === ignoredLabel)) {
      throw optionError(
        `${place} has no token to learn among its first ${maxLength}: ${show(example)}; shorten the prompt, or raise maxLength`,
      )
    }
    return { ids: kept, types: kept.map(() => 0), labels, truncated: kept.length < ids.length }
  }
}

/** A part of a text for a language model. */
interface Part {
  readonly text: string
  /** Whether it begins the text, with the special tokens that this takes. */
  readonly opens: boolean
  readonly learnt: boolean
  /** Whether the end of the text follows. */
  readonly ends: boolean
}

function partsOf(example: TextExample, model: TextModel, place: string): Part[] {
  const { text, prompt, completion, messages } = fieldsOf(example)
  if (typeof text === 'string') return [{ text, opens: true, learnt: true, ends: true }]
  if (typeof prompt === 'string' && typeof completion === 'string') {
    return [
      { text: prompt, opens: true, learnt: false, ends: false },
      { text: completion, opens: false, learnt: true, ends: true },
    ]
  }
  if (Array.isArray(messages) && messages.every((message) => typeof fieldsOf(message)['role'] === 'string'))
    return conversation(messages as Message[], model, place)
  throw optionError(
    `${place} ${described(example)}; a language model takes { text }, { prompt, completion } or { messages }`,
  )
}

/** A conversation as the model's template writes it. Only the assistant's words are learnt. */
function conversation(messages: readonly Message[], { tokenizerConfig }: TextModel, place: string): Part[] {
  const source = tokenizerConfig['chat_template']
  if (typeof source !== 'string') {
    throw optionError(
      `${place} has messages, and the tokenizer has no chat_template; give prompt and completion`,
    )
  }
  const write = (count: number, asks: boolean): string => {
    try {
      const special = Object.fromEntries(
        ['bos_token', 'eos_token', 'pad_token'].map((name) => [name, contentOf(tokenizerConfig[name]) ?? '']),
      )
      const given = { messages: messages.slice(0, count), add_generation_prompt: asks, ...special }
      return new Template(source).render(given)
    } catch (error) {
      throw coded('ERR_OPTION', `${place}: the chat template cannot write its messages`, error)
    }
  }
  const parts: Part[] = []
  let written = ''
  const add = (until: string, learnt: boolean): void => {
    if (!until.startsWith(written)) {
      throw optionError(
        `${place}: the chat template rewrites earlier messages, so that turns cannot be told apart`,
      )
    }
    const text = until.slice(written.length)
    if (text !== '') parts.push({ text, opens: false, learnt, ends: false })
    written = until
  }
  messages.forEach(({ role }, i) => {
    if (role !== 'assistant') return
    add(write(i, true), false)
    add(write(i + 1, false), true)
  })
  if (parts.length > 0) return parts
  throw optionError(`${place} has no message of the assistant to learn`)
}

/** The id of the token that ends a text, if there is one. */
export function endToken({ tokenizer, tokenizerConfig, config }: TextModel): number | undefined {
  const name = contentOf(tokenizerConfig['eos_token'])
  if (name !== undefined) return tokenizer.token_to_id(name)
  const id = config['eos_token_id']
  return typeof id === 'number' ? id : undefined
}

/** The text of a special token, which is a string or an object. */
export function contentOf(token: unknown): string | undefined {
  if (typeof token === 'string') return token
  const content = (token as { readonly content?: unknown } | null | undefined)?.content
  return typeof content === 'string' ? content : undefined
}

function truncate(
  ids: readonly number[],
  types: readonly number[],
  maxLength: number,
): Omit<EncodedExample, 'labels'> {
  if (ids.length <= maxLength) return { ids, types, truncated: false }
  const cut = <T>(list: readonly T[]): T[] => [...list.slice(0, maxLength - 1), list.at(-1)!]
  return { ids: cut(ids), types: cut(types), truncated: true }
}

function regressionValues(label: LabelledText['label'], count: number, place: string): number[] {
  const values = [label].flat()
  const areNumbers = values.every((value) => typeof value === 'number' && Number.isFinite(value))
  if (areNumbers && values.length === count) return values as number[]
  const wanted = count === 1 ? 'a number' : `a list of ${count} numbers`
  const given = areNumbers && values.length !== 1 ? `${values.length} numbers` : show(label)
  throw optionError(`${place}: the label of a regression is ${wanted}, given ${given}`)
}

function classes(
  label: LabelledText['label'],
  labels: readonly string[],
  problem: ProblemType,
  place: string,
): number[] {
  const indexOf = (one: string | number): number => {
    const index = typeof one === 'number' ? one : labels.indexOf(one)
    if (Number.isInteger(index) && index >= 0 && index < labels.length) return index
    throw optionError(
      `${place}: the label ${show(one)} is none of ${labels.map((name) => show(name)).join(', ')}` +
        (typeof one === 'number' && !Number.isInteger(one)
          ? "; to learn numbers, give problem: 'regression'"
          : ''),
    )
  }
  if (problem === 'multi_label_classification') {
    const chosen = new Set([label].flat().map(indexOf))
    return labels.map((_, i) => Number(chosen.has(i)))
  }
  if (typeof label === 'object') {
    throw shapeError(`${place} has several labels; give problem: 'multi_label_classification'`)
  }
  return [indexOf(label)]
}
