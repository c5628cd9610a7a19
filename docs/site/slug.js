/**
 * The id of a heading, as GitHub makes it, so that a link to a heading works in both places.
 *
 * @param {string} title - the heading's text
 */
export function slugify(title) {
  return title
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')
}
