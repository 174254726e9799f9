import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Workspace } from 'vivace';

/** A `Workspace` in a directory, no more than the tests of the model repository need. */
export function localWorkspace(root: string): Workspace {
  let staged = 0;
  const pathOf = (name: string): string => join(root, 'committed', name);
  return {
    find: async (name) => Promise.resolve(existsSync(pathOf(name)) ? pathOf(name) : undefined),
    async stage(name, fill) {
      const staging = join(root, `staging-${staged++}`);
      mkdirSync(staging, { recursive: true });
      try {
        await fill(async (path, content) => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of content instanceof Uint8Array ? [content] : content) chunks.push(chunk);
          const bytes = Buffer.concat(chunks);
          mkdirSync(dirname(join(staging, path)), { recursive: true });
          writeFileSync(join(staging, path), bytes);
          return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
        });
        mkdirSync(dirname(pathOf(name)), { recursive: true });
        renameSync(staging, pathOf(name));
      } catch (error) {
        rmSync(staging, { recursive: true });
        throw error;
      }
      return pathOf(name);
    },
    remove: async (name) => Promise.resolve(rmSync(pathOf(name), { recursive: true, force: true })),
  };
}
