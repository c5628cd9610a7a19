import { mountOn } from './conformance/mount.js'

mountOn('wasm')
