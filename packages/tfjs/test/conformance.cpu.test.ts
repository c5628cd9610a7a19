import { mountOn } from './conformance/mount.js'

mountOn('cpu')
