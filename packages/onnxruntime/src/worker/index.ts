export { createWorkerSession, type WorkerSession, type WorkerSessionOptions } from './session.js'
