import { selectCases } from '../../src/index.js'
import { shardOfToday } from '../conformance/shard.js'

/**
 * The cases that a test on a GPU in software asks today: a dozen in single precision, and others every day. Cases that draw their
 * problems are left to the whole suite, as each compiles new kernels for every problem, for which SwiftShader takes long.
 *
 * @param offset moves the part on, so that backends are asked different parts on the same day
 * @returns their ids
 */
export function sampleOfToday(offset: number): string[] {
  const shard = shardOfToday(160, offset, 37)
  return selectCases(/^(?!random).*\/f32\//, false, shard).map(({ id }) => id)
}
