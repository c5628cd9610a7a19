import { noGradient, type GradientRule } from './context.js'

/**
 * Operators whose results do not depend on their inputs in a way that has a gradient: they are whole numbers or truth
 * values, are constant wherever they are smooth, or are drawn at random.
 */
export const stops: Readonly<Record<string, GradientRule>> = Object.fromEntries(
  [
    ['And', 'BitShift', 'BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor', 'Equal', 'Greater'],
    ['GreaterOrEqual', 'IsInf', 'IsNaN', 'Less', 'LessOrEqual', 'Not', 'Or', 'Xor'],
    ['ArgMax', 'ArgMin', 'Hardmax', 'NonMaxSuppression', 'NonZero', 'Unique', 'EyeLike'],
    ['Ceil', 'Floor', 'Round', 'Sign', 'Shape', 'Size', 'Constant', 'ConstantOfShape', 'Range'],
    ['Bernoulli', 'Multinomial', 'RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike'],
    ['QuantizeLinear', 'DynamicQuantizeLinear', 'StringNormalizer', 'TfIdfVectorizer'],
  ]
    .flat()
    .map((opType) => [opType, noGradient]),
)
