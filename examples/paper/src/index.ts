export { exportResults, type CompactRun, type CompactStudy, type CompactTrial } from './export.js'
export { controls, type ControlId } from './controls.js'
export { optimizerIds, type OptimizerId } from './optimizers.js'
export { cacheFolder, resultsFolder, studyIds, studyUrl, type StudyId } from './studyFiles.js'
