export { readCheckpointFile, writeCheckpointFile } from './files.js'
export { readCheckpoint, type ReadCheckpointOptions } from './read.js'
export { writeCheckpoint } from './write.js'
