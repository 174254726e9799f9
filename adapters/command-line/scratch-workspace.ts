import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadOptions, Server } from 'vivace';

/**
 * Gives a command that must write nothing a directory of its own for what it downloads, in the place of every workspace of the
 * configuration, and removes it in the end.
 *
 * @param server Made from the configuration, to ask what uses a workspace.
 * @param work Gets what to load the configuration with.
 */
export async function withScratchWorkspace<T>(
  { bindings }: Server,
  work: (changes: LoadOptions) => Promise<T>,
): Promise<T> {
  const users = bindings.flatMap(({ name, slots, options, definition }) => {
    const used = Object.keys(slots).filter((slot) => portOf(definition.uses?.[slot]) === 'workspace');
    return used.length === 0 ? [] : [{ name, slots, options, definition, used }];
  });
  if (users.length === 0) return work({});
  const path = await mkdtemp(join(tmpdir(), 'vivace-check-'));
  const scratch = freeName(bindings.map(({ name }) => name));
  const changed = users.map(({ name, slots, options, definition, used }) => {
    const replaced = Object.fromEntries(used.map((slot) => [slot, scratch]));
    return [name, { ...slots, ...options, ...replaced, use: definition }] as const;
  });
  try {
    return await work({
      add: { [scratch]: { use: 'filesystem', path } },
      override: Object.fromEntries(changed),
    });
  } finally {
    await rm(path, { recursive: true, force: true });
  }
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
