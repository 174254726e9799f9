import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { filesOf, root } from './repository.js';
import { pendingBecause } from './pending.js';

const run = promisify(execFile);

/** Settings of npm that make an install quick; the commands stay those of the page. */
const npmSettings = {
  npm_config_prefer_offline: 'true',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_fetch_retries: '1',
  npm_config_fetch_timeout: '60000',
};

/** How npm says that it did not reach the registry. */
const outOfReach =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|ERR_SOCKET_TIMEOUT|network/;

/** A folder of a user who has installed the packed package as docs/getting-started.md says, or why there is none. */
export type ScratchProject = { readonly folder: string } | { readonly unavailable: string };

let project: Promise<ScratchProject> | undefined;

/** Packs this package and installs it in a new folder, once for all tests of a run. */
export function scratchProject(): Promise<ScratchProject> {
  return (project ??= install());
}

/** Runs a shell block as its reader would, in a folder. */
export async function shell(
  command: string,
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { stdout } = await run('sh', ['-euc', command], {
    cwd: folder,
    env: { ...process.env, ...npmSettings, ...env },
  });
  return stdout;
}

async function install(): Promise<ScratchProject> {
  const folder = mkdtempSync(join(tmpdir(), 'vivace-project-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  await shell(`npm pack --silent --pack-destination '${folder}'`, root);
  copyFileSync(join(root, 'examples/hello/iris.onnx'), join(folder, 'iris.onnx'));
  try {
    await shell(filesOf('docs/getting-started.md').get('install')!, folder);
    return { folder };
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    if (process.env['CI'] === undefined && outOfReach.test(stderr))
      return { unavailable: 'the package registry does not answer' };
    throw error;
  }
}

/** The folder of the project; without it the test is pending, with the reason in its title. */
export async function projectOf(context: Mocha.Context): Promise<string> {
  const made = await scratchProject();
  if ('folder' in made) return made.folder;
  return pendingBecause(context, made.unavailable);
}
