import * as core from '@induced-metric/core'
import { readFile, sign, writeFile } from '../../src/checkpointFile.js'
import type { Session, SessionReport, TypedArray } from '../../src/index.js'
import type { Break } from './broken.js'

type Checkpoint = core.Checkpoint

/** A session whose loaded checkpoints are changed, with the session's own state at hand. */
function loading(change: (loaded: Checkpoint, own: Checkpoint) => Checkpoint): Break {
  return {
    session: (session) => ({
      ...session,
      async load(bytes) {
        const own = core.decodeCheckpoint(await session.save!())
        await session.load!(core.encodeCheckpoint(change(core.decodeCheckpoint(bytes), own)))
      },
    }),
  }
}

/** A session whose step is given other arguments, or returns another report. */
function stepping(step: (session: Session, count: number) => Session['step']): Break {
  return { session: (session, parameters) => ({ ...session, step: step(session, parameters.length) }) }
}

/** Defects of states and their bytes. */
export const stateBreaks = {
  'saved bytes are overwritten by the next save': {
    session(session) {
      let memory = new Uint8Array()
      return {
        ...session,
        async save() {
          const bytes = await session.save!()
          if (memory.length !== bytes.length) memory = new Uint8Array(bytes.length)
          memory.set(bytes)
          return memory
        },
      }
    },
  },
  'loaded bytes are read at the next step': {
    session(session) {
      let waiting: Uint8Array | undefined
      const take = async (): Promise<void> => {
        const bytes = waiting
        waiting = undefined
        if (bytes !== undefined) await session.load!(bytes)
      }
      return {
        ...session,
        load: (bytes) => void (waiting = bytes),
        async step(...given) {
          await take()
          return session.step(...given)
        },
        async save() {
          await take()
          return session.save!()
        },
      }
    },
  },
  'a loaded state is added to the steps taken': loading((loaded, own) => ({
    ...loaded,
    step: loaded.step + own.step,
  })),
  'a used optimiser keeps its averages': loading((loaded, { units }) => ({ ...loaded, units })),
  'a used optimiser keeps its count of skipped steps': loading((loaded, { skippedSteps }) => ({
    ...loaded,
    skippedSteps,
  })),
  'a state is restored by position': loading((loaded, own) => ({
    ...loaded,
    parameters: loaded.parameters.map((state, i) => ({
      ...state,
      name: own.parameters[i]?.name ?? state.name,
    })),
  })),
  'a parameter too many is ignored': loading((loaded, own) => ({
    ...loaded,
    parameters: loaded.parameters.filter(({ name }) => own.parameters.some((state) => state.name === name)),
  })),
  'a unit too many is ignored': loading((loaded, own) => ({
    ...loaded,
    units: loaded.units.filter(({ key }) => own.units.some((unit) => unit.key === key)),
  })),
  'the hash of a checkpoint is ignored': loading((loaded, { hash }) => ({ ...loaded, hash })),
  'as many elements in another shape are accepted': loading((loaded, own) => ({
    ...loaded,
    parameters: loaded.parameters.map((state) => {
      const shape = own.parameters.find(({ name }) => name === state.name)?.shape ?? state.shape
      const size = (extents: readonly number[]): number => extents.reduce((product, n) => product * n, 1)
      return size(shape) === size(state.shape) ? { ...state, shape } : state
    }),
  })),
  'the learning rate of a checkpoint is forgotten': loading(({ learningRate: _, ...loaded }) => loaded),
  'the checksum is not looked at': {
    session: (session) => ({
      ...session,
      load(bytes) {
        const copy = bytes.slice()
        if (copy.length > 16) sign(copy)
        return session.load!(copy)
      },
    }),
  },
  'writer and reader have changed together': {
    session: (session) => ({
      ...session,
      async save() {
        const { header, ...contents } = readFile(await session.save!())
        const units = header.units.map(({ key, steps, ...unit }) => ({ ...unit, steps, key: `unit ${key}` }))
        return writeFile({ ...contents, header: { ...header, units } })
      },
      load(bytes) {
        let given = bytes
        try {
          const { header, ...contents } = readFile(bytes)
          const units = header.units.map((unit) => ({ ...unit, key: unit.key.replace(/^unit /, '') }))
          given = writeFile({ ...contents, header: { ...header, units } })
        } catch {
          // What is no checkpoint is for the optimiser to refuse.
        }
        return session.load!(given)
      },
    }),
  },
} as const satisfies Readonly<Record<string, Break>>

const alive = new Set<Session>()
let left = 0

/** Defects of arguments, of reports, of memory, and of what is left behind. */
export const argumentBreaks = {
  'a gradient too many is cut off': stepping(
    (session, count) => (gradients, options) => session.step(gradients.slice(0, count), options),
  ),
  'unknown options of a step are dropped': stepping(
    (session) => (gradients, options) =>
      session.step(gradients, options?.loss === undefined ? {} : { loss: options.loss }),
  ),
  'no gradient at all is taken for a missing one': stepping(
    (session) => (gradients, options) =>
      session.step(
        Array.isArray(gradients) ? gradients.map((g: TypedArray | null | undefined) => g ?? null) : gradients,
        options,
      ),
  ),
  'gradients of another type are converted': {
    session: (session, parameters) => ({
      ...session,
      step: (gradients, options) =>
        session.step(
          Array.isArray(gradients)
            ? gradients.map((g: TypedArray | null, i) => {
                const own = parameters[i]?.data
                if (!ArrayBuffer.isView(g) || own === undefined) return g
                return own instanceof Float32Array ? Float32Array.from(g) : Float64Array.from(g)
              })
            : gradients,
          options,
        ),
    }),
  },
  'all reports are one object': {
    session(session) {
      const report = {} as { -readonly [K in keyof SessionReport]: SessionReport[K] }
      return {
        ...session,
        step: async (...given) => Object.assign(report, await session.step(...given)),
      }
    },
  },
  'a skipped step reports the last factor': {
    session(session) {
      let scale = 1
      return {
        ...session,
        async step(...given) {
          const report = await session.step(...given)
          if (report.skipped) return { ...report, scale }
          scale = report.scale
          return report
        },
      }
    },
  },
  'units are named by their place': {
    report: ({ units, ...report }) => ({
      ...report,
      ...(units && { units: units.map((unit, i) => ({ ...unit, key: String(i) })) }),
    }),
  },
  'the loss of a report is that of the step before': {
    session(session) {
      let before: number | null = null
      return {
        ...session,
        async step(gradients, options) {
          const report = { ...(await session.step(gradients, options)), loss: before }
          before = options?.loss ?? null
          return report
        },
      }
    },
  },
  'a view is read from the start of its memory': {
    parameters: (parameters) =>
      parameters.map((p) => {
        const { buffer, length } = p.data
        return {
          ...p,
          data:
            p.data instanceof Float32Array
              ? new Float32Array(buffer, 0, length)
              : new Float64Array(buffer, 0, length),
        }
      }),
  },
  'two parameters of one name are numbered': {
    parameters: (parameters) =>
      parameters.map((p, i) =>
        parameters.some((other, j) => j < i && other.name === p.name) ? { ...p, name: `${p.name}-${i}` } : p,
      ),
  },
  'arrays that overlap are copied': {
    parameters: (parameters) =>
      parameters.map((p) => (ArrayBuffer.isView(p.data) ? { ...p, data: p.data.slice() } : p)),
  },
  'a group’s own norm is that of all': {
    settings: (settings, top) => ({ ...settings, clipNorm: top.clipNorm }),
  },
  'a group’s own schedule is that of all': {
    settings: (settings, { learningRate }) => ({ ...settings, learningRate }),
  },
  'a group’s own decayMask is that of all': {
    settings: (settings, { decayMask }) => ({ ...settings, decayMask }),
  },
  'a state can be loaded after dispose()': {
    session(session) {
      let disposed = false
      return {
        ...session,
        dispose() {
          disposed = true
          return session.dispose!()
        },
        load: (bytes) => (disposed ? undefined : session.load!(bytes)),
      }
    },
  },
  'dispose() frees every optimiser': {
    session(session) {
      const own: Session = {
        ...session,
        async dispose() {
          const all = [...alive]
          alive.clear()
          for (const one of all) await one.dispose!()
        },
      }
      alive.add(session)
      return own
    },
  },
  'a skipped step leaves an array behind': {
    living: () => left,
    session: (session) => ({
      ...session,
      async step(...given) {
        const report = await session.step(...given)
        if (report.skipped) left++
        return report
      },
    }),
  },
} as const satisfies Readonly<Record<string, Break>>
