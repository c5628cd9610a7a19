export { drawPicture } from './draw.js'
export { follow, optimizers } from './paths.js'
