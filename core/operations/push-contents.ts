import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { CallContext } from '../kernel/call.js';
import type { BundleManifest } from '../models/bundle.js';
import type { BlobContent } from '../ports/blob-store.js';
import { describeFile, type ModelSource } from './model-source.js';
import { trainingSetSchema, type TrainingSet } from './training-columns.js';
import { parseOption, wrongOption } from './wrong-option.js';

/** The name of the file in a bundle that holds the manifest of the training set. */
const trainingSetFile = 'training-set.json';

/** The files of a bundle, and where their content is read from. */
export async function contentsOf(
  source: ModelSource,
  trainingSet: Uint8Array | undefined,
  context: CallContext,
): Promise<{
  readonly files: BundleManifest['files'];
  readonly read: (path: string) => BlobContent;
  /** Those that do not lie on the disk. */
  readonly made: ReadonlyMap<string, Uint8Array>;
}> {
  const made = new Map<string, Uint8Array>();
  const files: BundleManifest['files'] = [];
  for (const path of source.paths) files.push(await describeFile(source, path, context));
  if (trainingSet !== undefined) {
    const own = { path: trainingSetFile, ...digestOf(trainingSet) };
    const there = files.find(({ path }) => path === trainingSetFile);
    if (there !== undefined && there.sha256 !== own.sha256)
      throw wrongOption(
        'trainingSet',
        `the folder has another ${trainingSetFile}, the name under which the manifest is kept: remove one of them`,
      );
    if (there === undefined) {
      files.push(own);
      made.set(own.path, trainingSet);
    }
  }
  return {
    files,
    made,
    read: (path) => made.get(path) ?? createReadStream(join(source.directory, path)),
  };
}

function digestOf(bytes: Uint8Array): { readonly sizeBytes: number; readonly sha256: string } {
  return { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** What is kept with the model about its origin. */
export function notesOf({ trainingSet, info }: { readonly trainingSet?: unknown; readonly info?: unknown }): {
  readonly set: TrainingSet | undefined;
  /** The manifest of the training set, as a file. */
  readonly file: Uint8Array | undefined;
  readonly info: BundleManifest['info'];
} {
  const set =
    trainingSet === undefined ? undefined : parseOption(trainingSetSchema, trainingSet, 'trainingSet');
  const kept = {
    ...(info === undefined ? {} : parseOption(z.record(z.string(), z.unknown()), info, 'info')),
    ...(set === undefined ? {} : { trainingSet: set.id }),
  };
  return {
    set,
    file: set && new TextEncoder().encode(`${JSON.stringify(trainingSet, undefined, 2)}\n`),
    info: Object.keys(kept).length === 0 ? undefined : kept,
  };
}
