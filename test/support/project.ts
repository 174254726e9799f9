import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../../adapters/command-line/run.js';
import { root } from './repository.js';

/** A user's folder, with vivace installed in it. */
export interface Project {
  readonly directory: string;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** Runs the command line in this process, as if in the folder. */
  vivace(argv: readonly string[], options?: VivaceOptions): Promise<Ran>;
  remove(): Promise<void>;
}

export interface VivaceOptions {
  readonly stdin?: string | AsyncIterable<string>;
  /** Whether standard input is a terminal. */
  readonly stdinTTY?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly isTTY?: boolean;
  readonly onStderr?: (text: string) => void;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function createProject(files: Readonly<Record<string, string>>): Promise<Project> {
  const directory = await mkdtemp(join(tmpdir(), 'vivace-project-'));
  await mkdir(join(directory, 'node_modules'));
  await symlink(root, join(directory, 'node_modules/vivace'));
  await symlink(join(root, 'node_modules/zod'), join(directory, 'node_modules/zod'));
  const project: Project = {
    directory,
    async write(texts) {
      for (const [name, text] of Object.entries(texts)) {
        await mkdir(dirname(join(directory, name)), { recursive: true });
        await writeFile(join(directory, name), text);
      }
    },
    async vivace(
      argv,
      {
        stdin = '',
        stdinTTY = false,
        env = {},
        signal = new AbortController().signal,
        isTTY = false,
        onStderr,
      } = {},
    ) {
      let stdout = '';
      let stderr = '';
      const code = await run(argv, {
        stdout: { write: (text) => (stdout += text), isTTY },
        stderr: {
          write(text) {
            stderr += text;
            onStderr?.(text);
          },
          isTTY,
        },
        stdin: Object.assign(
          typeof stdin === 'string'
            ? (async function* () {
                yield stdin;
              })()
            : stdin,
          { isTTY: stdinTTY },
        ),
        env,
        directory,
        signal,
      });
      return { code, stdout, stderr };
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
  await project.write(files);
  return project;
}
