// What VitePress would send to every visitor, although this site has no use for it: the theme's components for landing pages, teams, sponsors,
// translations, social links, menus in menus and the like, the style of another search, and what serves groups of code and early loading.

const components = [
  /(VPHome|VPHome(Content|Features|Hero|Sponsors)|VPFeatures|VPTeam\w+|VPSponsors|VPDocAsideSponsors)/,
  /(VPCarbonAds|VPDocAsideCarbonAds|VPAlgoliaSearchBox|VPBadge|VPDocFooterLastUpdated|VPFooter|VPImage|VPPage)/,
  /(VPNav(Bar|Screen)(Translations|SocialLinks)|VPSocialLinks?|VPMenuGroup|VPNavBarMenuGroup|VPNavScreenMenuGroup\w*)/,
]
const names = components.map(({ source }) => source).join('|')
const unused = new RegExp(
  `^@docsearch/css$|/vp-sponsor\\.css$|/(${names})\\.vue$|/composables/(codeGroups|preFetch)(\\.js)?$`,
)
const id = '\0unused-in-theme'
/** Components that draw nothing, and functions that do nothing. */
const nothing = `
export default () => null
export const useCodeGroups = () => {}
export const usePrefetch = () => {}
`

/**
 * Leaves these parts out.
 *
 * @returns {import('./minify.js').Plugin} a plugin of Vite's
 */
export function leanPlugin() {
  return {
    name: 'lean-theme',
    enforce: 'pre',
    resolveId: (source) => (unused.test(source) ? id : undefined),
    load: (source) => (source === id ? nothing : undefined),
  }
}
