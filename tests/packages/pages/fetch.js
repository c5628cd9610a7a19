// Fetches the published packages that the recipes in docs/recipes are tested with, without what they depend on: their builds for script
// tags contain it (ml5's dependencies are 685 MB). The tests of the recipes are skipped where they are not there.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What npm said of each version's archive when the recipe was written. */
const packages = [
  {
    name: 'ml5',
    version: '1.4.0',
    integrity:
      'sha512-gjWRlas0Bp+1eWTht+XrpJdOmdwqOrh5ACBY162PGfLqOt/IqZEtwiZgVhD7khOgO0HApJUCFGFuaiLjSg5BMg==',
    files: ['package/package.json', 'package/dist/ml5.min.js'],
  },
  {
    name: '@teachablemachine/image',
    version: '0.8.5',
    integrity:
      'sha512-u6BLQ8RBn38BKee7mmAl+HS9qWgM/2YmUbQYy21eQfqhb7E8xT5LDp7QqEU31rtgEIMDwB/OG8cjmSiuHpqb7A==',
    files: ['package/package.json', 'package/dist/teachablemachine-image.min.js'],
  },
  {
    name: '@spotify/basic-pitch',
    version: '1.0.1',
    integrity:
      'sha512-SAxiFi9ZnyhGdhWEOS9YVhdunZiKzI3I5zOccZzDzQRr4s00Ii9lphqlPMMfby3iYa7TSupB2g8yuu1kJ6gL+Q==',
    files: ['package/package.json', 'package/model'],
  },
]

const modules = fileURLToPath(new URL('node_modules', import.meta.url))

/** @param {string} manifest - a package.json */
function versionOf(manifest) {
  /** @type {{ version: string }} */
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
  return version
}

for (const { name, version, integrity, files } of packages) {
  const target = join(modules, name)
  const manifest = join(target, 'package.json')
  if (existsSync(manifest) && versionOf(manifest) === version) continue
  const folder = mkdtempSync(join(tmpdir(), 'pages-'))
  try {
    const told = execFileSync('npm', ['pack', `${name}@${version}`, '--json', '--pack-destination', folder], {
      encoding: 'utf8',
    })
    /** @type {{ filename: string, integrity: string }[]} */
    const [archive] = JSON.parse(told)
    if (archive?.integrity !== integrity) {
      throw new Error(`${name}@${version} is ${archive?.integrity}, and ${integrity} was expected`)
    }
    mkdirSync(target, { recursive: true })
    const tar = ['-xzf', join(folder, archive.filename), '-C', target, '--strip-components', '1', ...files]
    execFileSync('tar', tar)
    console.log(`${name}@${version}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
