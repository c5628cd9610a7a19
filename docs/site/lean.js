// What VitePress would send to every visitor, although this site has no use for it: the theme exports components for landing pages, teams and
// sponsors, and imports the style of another search.

const unused =
  /^@docsearch\/css$|\/vp-sponsor\.css$|\/(VPHome|VPHome(Content|Features|Hero|Sponsors)|VPFeatures|VPTeam\w+|VPSponsors|VPDocAsideSponsors)\.vue$/
const nothing = '\0unused-in-theme'

/**
 * Leaves these parts out.
 *
 * @returns {{ name: string, enforce: 'pre', resolveId: (source: string) => string | undefined, load: (source: string) => string | undefined }} a plugin of Vite's
 */
export function leanPlugin() {
  return {
    name: 'lean-theme',
    enforce: 'pre',
    resolveId: (source) => (unused.test(source) ? nothing : undefined),
    load: (source) => (source === nothing ? 'export default {}' : undefined),
  }
}
