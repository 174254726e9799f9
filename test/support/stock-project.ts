import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { root } from './repository.js';

/** A process of the command line in the folder of a user, and what it has printed. */
export interface Running {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly output: () => string;
  /** Resolves as soon as the output matches; rejects where the process ends before. */
  until(pattern: RegExp): Promise<void>;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** A folder of a user with a copy of the compiled package, so that other packages can stand beside it than in this repository. */
export interface StockProject {
  readonly directory: string;
  /** Writes files, also in the place of others. */
  write(files: Readonly<Record<string, string>>): void;
  vivace(argv: readonly string[]): Running;
  remove(): void;
}

/**
 * Makes the folder. The packages are those of this repository, except where `packages` has files for one.
 *
 * @param packages Files by path, by name of the package.
 */
export function stockProject(
  files: Readonly<Record<string, string>>,
  packages: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): StockProject {
  const directory = mkdtempSync(join(tmpdir(), 'vivace-stock-'));
  const modules = join(directory, 'node_modules');
  for (const name of packagesOf(join(root, 'node_modules'))) {
    if (name in packages) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  for (const path of ['package.json', 'dist/core', 'dist/plugins', 'dist/adapters'])
    cpSync(join(root, path), join(modules, 'vivace', path), { recursive: true });
  for (const [name, texts] of Object.entries(packages)) write(join(modules, name), texts);
  write(directory, files);
  return {
    directory,
    write: (more) => write(directory, more),
    vivace: (argv) => run(join(modules, 'vivace/dist/adapters/command-line/main.js'), argv, directory),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function write(folder: string, texts: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

function packagesOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.') && name !== 'vivace')
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(folder, name)).map((inner) => `${name}/${inner}`) : [name],
    );
}

function run(main: string, argv: readonly string[], directory: string): Running {
  const child = spawn(process.execPath, [main, ...argv], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let closed = false;
  let wake: () => void = () => undefined;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      wake();
    });
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      closed = true;
      wake();
      resolve(code ?? signal!);
    });
  });
  return {
    child,
    output: () => output,
    ended,
    async until(pattern) {
      while (!pattern.test(output)) {
        if (closed) throw new Error(`it ended and has not printed ${String(pattern)} but ${output}`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
