/** @typedef {import('typedoc').DeclarationReflection} Declaration */

/**
 * What the public names of an entry lack.
 *
 * @param {string} entry - its name
 * @param {readonly string[]} names - that it exports, as the compiler says
 * @param {readonly Declaration[]} declarations - in it, as typedoc says
 * @param {readonly string[]} pages - paths in the folder of the API
 * @returns {string[]} as `entry: name has no page`
 */
export function findGaps(entry, names, declarations, pages) {
  return names.flatMap((name) => {
    const found = declarations.find((declaration) => declaration.name === name)
    // What an entry exports again has its page where it comes from.
    const target = found?.isReference() === true ? found.getTargetReflectionDeep() : found
    const page = new RegExp(`^${target?.parent?.name}/[a-z-]+/${target?.name}(/index)?\\.md$`)
    if (target === undefined || !pages.some((path) => page.test(path)))
      return [`${entry}: ${name} has no page`]
    const signatures = 'signatures' in target ? /** @type {Declaration} */ (target).signatures : undefined
    const hasComment = [target, ...(signatures ?? [])].some((one) => one.hasComment())
    return hasComment ? [] : [`${entry}: ${name} has no doc comment`]
  })
}
