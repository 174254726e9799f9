import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { LoadOptions, Server } from 'vivace';
import { makeDirectory } from 'vivace/kit';

/**
 * Gives a command that must leave nothing behind a directory of its own for what it downloads, in the place of every workspace of the
 * configuration, and removes it in the end. It lies in the workspace where that is a directory that exists: a runtime in another
 * container sees no other directory of this one.
 *
 * @param server Made from the configuration, to ask what uses a workspace.
 * @param directory Of the configuration.
 * @param work Gets what to load the configuration with.
 */
export async function withScratchWorkspace<T>(
  { bindings }: Server,
  directory: string,
  work: (changes: LoadOptions) => Promise<T>,
): Promise<T> {
  const users = bindings.flatMap(({ name, slots, options, definition }) => {
    const used = Object.keys(slots).filter((slot) => portOf(definition.uses?.[slot]) === 'workspace');
    return used.length === 0 ? [] : [{ name, slots, options, definition, used }];
  });
  const workspaces = new Set(users.flatMap(({ slots, used }) => used.map((slot) => slots[slot]!)));
  const taken = bindings.map(({ name }) => name);
  const scratch = new Map<string, { readonly name: string; readonly path: string }>();
  try {
    for (const workspace of workspaces) {
      const { options, definition } = bindings.find(({ name }) => name === workspace)!;
      const place =
        definition.name === 'filesystem' ? (options as { readonly path: string }).path : undefined;
      const path = await scratchDirectory(place === undefined ? undefined : resolve(directory, place));
      const name = freeName(taken);
      taken.push(name);
      scratch.set(workspace, { name, path });
    }
    const changed = users.map(({ name, slots, options, definition, used }) => {
      const replaced = Object.fromEntries(used.map((slot) => [slot, scratch.get(slots[slot]!)!.name]));
      return [name, { ...slots, ...options, ...replaced, use: definition }] as const;
    });
    return await work({
      add: Object.fromEntries(
        [...scratch.values()].map(({ name, path }) => [name, { use: 'filesystem', path }]),
      ),
      override: Object.fromEntries(changed),
    });
  } finally {
    for (const { path } of scratch.values()) await rm(path, { recursive: true, force: true });
  }
}

/** A new directory: among the temporary files of a workspace, which any process over it removes if this one dies, or of the system. */
async function scratchDirectory(workspace: string | undefined): Promise<string> {
  if (workspace !== undefined)
    try {
      if ((await stat(workspace)).isDirectory()) {
        const temporary = join(workspace, '.vivace', 'temporary');
        await makeDirectory(temporary);
        return await mkdtemp(join(temporary, 'check-'));
      }
    } catch {
      // It does not exist, or is for reading only.
    }
  return mkdtemp(join(tmpdir(), 'vivace-check-'));
}

/** The name of the port of a slot, which may be optional. */
function portOf(slot: unknown): string | undefined {
  const { name, optional } = (slot ?? {}) as {
    readonly name?: string;
    readonly optional?: { readonly name: string };
  };
  return optional?.name ?? name;
}

function freeName(taken: readonly string[]): string {
  let name = 'check-workspace';
  for (let i = 2; taken.includes(name); i++) name = `check-workspace-${i}`;
  return name;
}
