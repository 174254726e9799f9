import { createHash } from 'node:crypto';
import { z } from 'zod';
import { pathNames } from '../config/names.js';
import { canonicalJson } from '../kernel/canonical-json.js';
import { lockedView } from './locked-view.js';

/** The name of a model, a version or an alias. */
export const pathName = z.string().regex(pathNames.pattern, `cannot be a name: a name has ${pathNames.text}`);

const datatype = z.enum(['FP32', 'FP64', 'INT32', 'INT64', 'BOOL', 'BYTES']);
const hex = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hexadecimal');

/** A path inside a bundle: relative, without `..`, so that a manifest cannot name a file outside. */
const innerPath = z
  .string()
  .min(1)
  .max(400)
  .refine(
    (path) => !/^[/\\]|\\|\0|(^|\/)\.{0,2}(\/|$)/.test(path),
    'a relative path without "..", "." or empty segments',
  );

export const tensorSpec = z.strictObject({
  name: z.string().min(1),
  datatype,
  /** The first dimension is the row, −1. */
  shape: z.array(z.int().min(-1)).min(1),
});

export const inputSpec = tensorSpec.extend({
  /** Ordered names of the columns that fill a row; absent where the pipeline's `predict.inputs` must say it. */
  columns: z.array(z.string().min(1)).optional(),
});

const differentNames = 'two tensors have the same name';

/** The inputs and outputs of a model. */
export const signature = z.strictObject({
  inputs: z.array(inputSpec).min(1).refine(haveDifferentNames, differentNames),
  outputs: z.array(tensorSpec).min(1).refine(haveDifferentNames, differentNames),
  /** `row`: rows of several requests may be predicted in one call. `request`: the model sees whole requests. */
  over: z.enum(['row', 'request']).default('row'),
});

/** The manifest of a model version, `model.json`. */
export const bundleManifest = z
  .strictObject({
    format: z.literal(1),
    name: pathName,
    version: pathName,
    /** The kind of runtime that hosts it: `onnx`, `javascript`. */
    runtime: z.string().min(1),
    /** The file that the runtime loads. */
    entry: innerPath,
    files: z.array(z.strictObject({ path: innerPath, sizeBytes: z.int().nonnegative(), sha256: hex })).min(1),
    signature,
    /** The views whose features the model was trained on, by name. */
    featuresLock: z.record(z.string(), lockedView).optional(),
    /** An input and the output it must give, checked before the version serves. */
    selfTest: z
      .strictObject({
        inputs: z.record(z.string(), z.array(z.union([z.number(), z.string(), z.boolean()]))),
        outputs: z.record(z.string(), z.array(z.union([z.number(), z.string(), z.boolean()]))),
        tolerance: z.number().positive().default(1e-4),
      })
      .optional(),
    /** When it was pushed, RFC 3339, and by whom. */
    pushed: z.strictObject({ at: z.iso.datetime(), by: z.string() }).optional(),
    /** Anything that its author wants to keep: metrics, the training set's manifest id. */
    info: z.record(z.string(), z.unknown()).optional(),
  })
  .superRefine(({ entry, files }, issues) => {
    const paths = new Set(files.map(({ path }) => path));
    if (!paths.has(entry))
      issues.addIssue({ code: 'custom', path: ['entry'], message: `"${entry}" is not among the files` });
    if (paths.size < files.length)
      issues.addIssue({ code: 'custom', path: ['files'], message: 'a path is listed twice' });
    if (paths.has('model.json')) {
      issues.addIssue({ code: 'custom', path: ['files'], message: 'model.json is the manifest itself' });
    }
  });

/** Tensors are asked for by name, in pipelines and by the models themselves. */
function haveDifferentNames(tensors: readonly { readonly name: string }[]): boolean {
  return new Set(tensors.map(({ name }) => name)).size === tensors.length;
}

export type TensorSpec = z.infer<typeof tensorSpec>;
export type InputSpec = z.infer<typeof inputSpec>;
export type Signature = z.infer<typeof signature>;
export type BundleManifest = z.infer<typeof bundleManifest>;

/**
 * The identity of a model: the SHA-256 of its manifest in hexadecimal. The manifest names the digest of every file, so two models share a
 * digest only where they are the same. A name and a version would not do, because they may mean another model in another repository.
 */
export function manifestDigest(manifest: BundleManifest): string {
  return createHash('sha256').update(canonicalJson(manifest)).digest('hex');
}

/** A model version on the local disk, verified. */
export interface Bundle {
  readonly manifest: BundleManifest;
  /** The directory of its files. */
  readonly directory: string;
}
