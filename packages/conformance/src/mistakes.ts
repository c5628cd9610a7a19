/** What is done to a checkpoint before it is loaded. Append only: the position in the list is part of the ids. */
export const damages = [
  'empty',
  'truncated by a byte',
  'cut in half',
  'first byte changed',
  'other transformation',
  'other shape',
  'other name',
  'other dtype',
  'a byte of a slot changed',
  'a bit of the checksum changed',
  'another version',
  'a byte too many',
  'a slot too short',
  'a header longer than the file',
  'a header that ends with the file',
  'nothing but the prefix',
  'a header that is no JSON',
  'a header that is a list',
  'another format',
  'another version in the header',
  'no hash',
  'another hash',
  'a count of steps below 0',
  'a count of steps with a fraction',
  'a count of skipped steps below 0',
  'a learning rate below 0',
  'a learning rate that is no number',
  'no units',
  'no parameters',
  'an average of NaN',
  'an average below 0',
  'a unit whose count is below 0',
  'a unit without a key',
  'a unit whose values are no numbers',
  'a unit whose values are one number',
  'a unit too many',
  'a unit too few',
  'another unit',
  'two units of one key',
  'two parameters of one name',
  'a parameter that is null',
  'a parameter without a name',
  'a parameter whose count is below 0',
  'a parameter whose count has a fraction',
  'a parameter of another type',
  'a shape below 0',
  'a shape with a fraction',
  'a shape of more elements than there are numbers',
  'a slot named twice',
  'a slot of another name',
  'a slot that is missing',
  'the same slots of another base',
  'another scope of the metric',
  'as many elements in another shape',
  'a parameter too many',
  'a parameter too few',
  'gradients that wait for the rest of an update',
  'no calls whose gradients wait',
  'calls that wait, with a loss that is no number',
  'shared scalars without a key',
  'shared scalars whose count is below 0',
  'shared scalars that are no numbers',
  'two shared scalars of one key',
] as const

/** The damage done to a checkpoint before it is loaded. */
export type Damage = (typeof damages)[number]

/** What is wrong with the parameters of an optimiser. Append only: the position in the list is part of the ids. */
export const parameterMistakes = [
  'two of one name',
  'a name that is no text',
  'nothing',
  'data of numbers that are no typed array',
  'data of whole numbers',
  'a shape that is no list',
  'a shape of fractions',
  'a shape below 0',
  'a group that is no text',
  'data too long',
  'one array for two',
  'arrays that overlap in part',
  'an array within another',
] as const

/** A mistake in the parameters that an optimiser is created with. */
export type ParameterMistake = (typeof parameterMistakes)[number]

/** What is wrong with the gradients of a step. Append only: the position in the list is part of the ids. */
export const gradientMistakes = [
  'one too many',
  'an element too few',
  'another type',
  'numbers that are no typed array',
  'nothing at all',
  'no list',
  'no gradients',
] as const

/** A mistake in the gradients of a step. */
export type GradientMistake = (typeof gradientMistakes)[number]

/** What is wrong with a base or an embedding of one’s own. Append only: the position in the list is part of the ids. */
export const definitionMistakes = [
  'a base without a direction',
  'a base whose direction is a scalar',
  'a base whose average is a scalar',
  'a base whose dual is a scalar',
  'a base that returns nothing',
  'a base that returns no slots',
  'a slot that is asked for and not written',
  'a slot that is written and was not asked for',
  'a slot of two initial values',
  'a slot that starts as a tensor',
  'a slot whose name is no word',
  'a base without a name',
  'a base without an update',
  'a base with an unknown entry',
  'a base that is a matrix by half',
  'a hyperparameter of no kind',
  'a hyperparameter whose default is out of its range',
  'a hyperparameter whose default is no whole number',
  'a hyperparameter that is named as an input',
  'a hyperparameter whose name is no word',
  'hyperparameters in a list',
  'rows of a base that takes no matrices',
  'a base that follows the losses',
  'an embedding without a slope',
  'an embedding whose slope is no number',
  'an embedding without a descent',
  'an embedding whose domain is no function',
  'an embedding without a name',
  'an embedding with an unknown entry',
  'an embedding with rows',
  'an embedding with an option that follows the losses',
  'an average of squares under an averaged model',
  'an average that reads the parameter under an averaged model',
  'an average of a slot that does not start from 0 under an averaged model',
  'an average of products of tensors under an averaged model',
  'an embedding with a hyperparameter that is named name',
  'an embedding with a hyperparameter of no kind',
  'a base that rounds a tensor',
  'a base that adds nothing',
  'a base that adds an object',
  'a base that adds a text',
] as const

/** A mistake in a definition. */
export type DefinitionMistake = (typeof definitionMistakes)[number]

/** What is given in place of a transformation. Append only: the position in the list is part of the ids. */
export const transformationMistakes = [
  'nothing',
  'a name',
  'a base',
  'its data',
  'an object with toJSON alone',
  'an object with settings alone',
] as const

/** Something that is no transformation. */
export type TransformationMistake = (typeof transformationMistakes)[number]
