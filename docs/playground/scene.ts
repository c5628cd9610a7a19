// The surface in three dimensions. This module loads three.js, and is loaded when the view is first chosen.
import {
  AmbientLight,
  BufferAttribute,
  BufferGeometry,
  Color,
  DirectionalLight,
  DoubleSide,
  Group,
  LineBasicMaterial,
  LineLoop,
  LineSegments,
  Mesh,
  MeshBasicMaterial,
  MeshStandardMaterial,
  PerspectiveCamera,
  Scene,
  SphereGeometry,
  Vector3,
  WebGLRenderer,
} from 'three'
import { OrbitControls } from 'three/examples/jsm/controls/OrbitControls.js'
import { Line2 } from 'three/examples/jsm/lines/Line2.js'
import { LineGeometry } from 'three/examples/jsm/lines/LineGeometry.js'
import { LineMaterial } from 'three/examples/jsm/lines/LineMaterial.js'
import { bandsOf, besideColour, colourOf, inducedColour, levelsOf, type Grid } from './contours.js'
import type { Point } from './surfaces.js'

/** What a scene shows. The points of paths and of the ball are points of the plane. */
export interface SceneContent {
  readonly grid: Grid
  readonly heightAt: (point: Point) => number
  readonly induced: readonly Point[]
  readonly beside: readonly Point[]
  readonly ball: readonly Point[]
}

/** A scene in a canvas. */
export interface SurfaceScene {
  /** Shows another surface. */
  setSurface(content: SceneContent): void
  /** Shows other paths on the same surface. */
  setPaths(content: SceneContent): void
  /** Turns the surface, in radians. */
  turn(angle: number, tilt: number): void
  /** Draws now, so that the canvas can be read. */
  draw(): void
  dispose(): void
}

const breadth = 2
const depth = 1.45
const relief = 0.8

/** Where a point of the surface is in the scene. */
function createPlace({ grid, heightAt }: SceneContent): (point: Point, raised?: number) => Vector3 {
  const { view, low, high } = grid
  const [left, bottom, right, top] = view
  return (point, raised = 0) => {
    const [x, y] = point
    const share = (heightAt(point) - low) / (high - low)
    const height = Number.isFinite(share) ? Math.min(1.12, Math.max(0, share)) : 0
    return new Vector3(
      breadth * ((x - left) / (right - left) - 0.5),
      relief * height + raised,
      depth * (0.5 - (y - bottom) / (top - bottom)),
    )
  }
}

function createTerrain(content: SceneContent): Group {
  const { grid } = content
  const { columns, rows, heights, low, high } = grid
  const positions = new Float32Array(columns * rows * 3)
  const colours = new Float32Array(columns * rows * 3)
  const colour = new Color()
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const i = row * columns + column
      const share = Math.min(1.12, Math.max(0, (heights[i]! - low) / (high - low)))
      positions.set(
        [breadth * (column / (columns - 1) - 0.5), relief * share, depth * (0.5 - row / (rows - 1))],
        3 * i,
      )
      const [r, g, b] = colourOf(share ** 0.55)
      colour.setRGB(r / 255, g / 255, b / 255, 'srgb')
      colours.set([colour.r, colour.g, colour.b], 3 * i)
    }
  const cells: number[] = []
  for (let row = 0; row + 1 < rows; row++)
    for (let column = 0; column + 1 < columns; column++) {
      const i = row * columns + column
      cells.push(i, i + 1, i + columns, i + 1, i + columns + 1, i + columns)
    }
  const geometry = new BufferGeometry()
  geometry.setAttribute('position', new BufferAttribute(positions, 3))
  geometry.setAttribute('color', new BufferAttribute(colours, 3))
  geometry.setIndex(cells)
  geometry.computeVertexNormals()
  const material = new MeshStandardMaterial({
    vertexColors: true,
    side: DoubleSide,
    roughness: 0.82,
    polygonOffset: true,
    polygonOffsetFactor: 1,
    polygonOffsetUnits: 1,
  })
  const group = new Group()
  group.add(new Mesh(geometry, material), createContours(content))
  return group
}

function createContours(content: SceneContent): LineSegments {
  const { grid } = content
  const { low, high } = grid
  const place = createPlace(content)
  const ends: number[] = []
  for (const { height, rings } of bandsOf(grid, levelsOf(grid, 16).slice(1))) {
    const level = (relief * (height - low)) / (high - low) + 0.003
    for (const ring of rings)
      for (let i = 0; i + 1 < ring.length; i++) {
        if (isOnEdge(ring[i]!, grid) && isOnEdge(ring[i + 1]!, grid)) continue
        for (const point of [ring[i]!, ring[i + 1]!]) {
          const { x, z } = place(point)
          ends.push(x, level, z)
        }
      }
  }
  const geometry = new BufferGeometry()
  geometry.setAttribute('position', new BufferAttribute(new Float32Array(ends), 3))
  return new LineSegments(
    geometry,
    new LineBasicMaterial({ color: '#ffffff', transparent: true, opacity: 0.38 }),
  )
}

/** Rings are closed along the edges of the grid. */
function isOnEdge([x, y]: Point, { view: [left, bottom, right, top] }: Grid): boolean {
  const slack = 1e-6 * (right - left)
  return x <= left + slack || x >= right - slack || y <= bottom + slack || y >= top - slack
}

/** A path on the surface; between its points it follows the ground, and it ends where it leaves the view. */
function follow(content: SceneContent, path: readonly Point[]): Vector3[] {
  const [left, bottom, right, top] = content.grid.view
  const place = createPlace(content)
  const inside = ([x, y]: Point): boolean => x >= left && x <= right && y >= bottom && y <= top
  const parts = 8
  const line: Vector3[] = []
  for (let i = 0; i < path.length; i++) {
    const [from, to] = [path[Math.max(0, i - 1)]!, path[i]!]
    for (let part = i === 0 ? parts : 1; part <= parts; part++) {
      const share = part / parts
      const point: Point = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])]
      if (!inside(point)) return line
      line.push(place(point, 0.012))
    }
  }
  return line
}

function drawLine(points: readonly Vector3[], colour: string, width: number, isDashed: boolean): Line2 {
  const geometry = new LineGeometry()
  geometry.setPositions(points.flatMap(({ x, y, z }) => [x, y, z]))
  const material = new LineMaterial({
    color: new Color(colour).getHex(),
    linewidth: width,
    dashed: isDashed,
    dashSize: 0.03,
    gapSize: 0.025,
  })
  const line = new Line2(geometry, material)
  if (isDashed) line.computeLineDistances()
  return line
}

function createPaths(content: SceneContent): Group {
  const group = new Group()
  const place = createPlace(content)
  for (const [path, colour, width, isDashed] of [
    [content.beside, besideColour, 2.5, true],
    [content.induced, inducedColour, 4, false],
  ] as const) {
    const points = follow(content, path)
    if (points.length > 1) {
      // Faint where a ridge is before it.
      const hidden = drawLine(points, colour, width, isDashed)
      Object.assign(hidden.material, { depthTest: false, transparent: true, opacity: 0.3 })
      group.add(hidden, drawLine(points, colour, width, isDashed))
    }
    const end = points.at(-1)
    if (!end) continue
    const sphere = new Mesh(new SphereGeometry(0.022, 20, 14), new MeshBasicMaterial({ color: colour }))
    sphere.position.copy(end)
    group.add(sphere)
  }
  const outline = new BufferGeometry().setFromPoints(content.ball.map((point) => place(point, 0.014)))
  group.add(new LineLoop(outline, new LineBasicMaterial({ color: '#ffffff' })))
  return group
}

function clear(group: Group): void {
  group.traverse((object) => {
    const { geometry, material } = object as Partial<Mesh<BufferGeometry, MeshStandardMaterial>>
    geometry?.dispose()
    material?.dispose()
  })
  group.clear()
}

/**
 * Creates a scene in a canvas, which the pointer turns.
 *
 * @throws Error where there is no WebGL
 */
export function createScene(canvas: HTMLCanvasElement, moves: boolean): SurfaceScene {
  const renderer = new WebGLRenderer({ canvas, antialias: true, alpha: true })
  const scene = new Scene()
  const camera = new PerspectiveCamera(34, 1, 0.1, 20)
  camera.position.set(-0.95, 2.55, 2.35)
  const controls = new OrbitControls(camera, canvas)
  controls.target.set(0, 0.22, 0.05)
  controls.enableDamping = moves
  controls.enablePan = false
  controls.minDistance = 1.4
  controls.maxDistance = 6
  controls.maxPolarAngle = 1.5
  const sun = new DirectionalLight('#fff4e0', 2.4)
  sun.position.set(-1.2, 2.6, 1.4)
  scene.add(sun, new AmbientLight('#dbe6f2', 1.7))
  const [terrain, paths] = [new Group(), new Group()]
  scene.add(terrain, paths)

  let frame = 0
  const draw = (): void => {
    const { clientWidth, clientHeight } = canvas
    if (clientWidth === 0) return
    renderer.setPixelRatio(Math.min(2, devicePixelRatio))
    renderer.setSize(clientWidth, clientHeight, false)
    camera.aspect = clientWidth / clientHeight
    camera.updateProjectionMatrix()
    renderer.render(scene, camera)
  }
  const request = (): void => {
    if (frame !== 0) return
    frame = requestAnimationFrame(() => {
      frame = 0
      // A damped camera moves on, and asks for the next frame itself.
      controls.update()
      draw()
    })
  }
  controls.addEventListener('change', request)
  const observer = new ResizeObserver(request)
  observer.observe(canvas)
  return {
    setSurface(content) {
      clear(terrain)
      terrain.add(createTerrain(content))
      this.setPaths(content)
    },
    setPaths(content) {
      clear(paths)
      paths.add(createPaths(content))
      request()
    },
    turn(angle, tilt) {
      const offset = camera.position.clone().sub(controls.target)
      offset.applyAxisAngle(new Vector3(0, 1, 0), angle)
      const length = offset.length()
      const elevation = Math.min(1.5, Math.max(0.1, Math.asin(offset.y / length) + tilt))
      const flat = Math.hypot(offset.x, offset.z)
      const scale = (length * Math.cos(elevation)) / flat
      offset.set(offset.x * scale, length * Math.sin(elevation), offset.z * scale)
      camera.position.copy(controls.target).add(offset)
      controls.update()
      request()
    },
    draw,
    dispose() {
      cancelAnimationFrame(frame)
      observer.disconnect()
      controls.dispose()
      clear(terrain)
      clear(paths)
      renderer.dispose()
    },
  }
}
