// The code of a worker thread: piscina calls this function once per run. It is CommonJS because piscina tries `require` first:
// a thread that is ended while it requires an ES module takes the process with it (Node 20.20). An `import` does not.
const runThreadTask = async (
  task: import('./runTask.js', { with: { 'resolution-mode': 'import' } }).ThreadTask,
) => {
  const { runTask } = await import('./runTask.js')
  return runTask(task)
}
// eslint-disable-next-line import/no-commonjs -- see above
module.exports = runThreadTask
