import { noGradient, type GradientRule } from './context.js'

/**
 * Operators whose results have no gradient with respect to their inputs: whole numbers or truth values, values that
 * are constant wherever they are smooth, and random draws.
 */
export const stops: Readonly<Record<string, GradientRule>> = Object.fromEntries(
  [
    ['And', 'BitShift', 'BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor', 'Equal', 'Greater'],
    ['GreaterOrEqual', 'IsInf', 'IsNaN', 'Less', 'LessOrEqual', 'Not', 'Or', 'Xor'],
    ['ArgMax', 'ArgMin', 'Hardmax', 'NonMaxSuppression', 'NonZero', 'Unique', 'EyeLike'],
    ['Ceil', 'Floor', 'Round', 'Sign', 'Shape', 'Size', 'Constant', 'ConstantOfShape', 'Range'],
    ['Bernoulli', 'Multinomial', 'RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike'],
    ['StringNormalizer', 'TfIdfVectorizer'],
  ]
    .flat()
    .map((opType) => [opType, noGradient]),
)
