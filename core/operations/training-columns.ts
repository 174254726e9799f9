import { z } from 'zod';
import { parseType } from '../data/types.js';
import type { Signature } from '../models/bundle.js';
import { lockedView, type FeaturesLock } from '../models/locked-view.js';
import { wrongOption } from './wrong-option.js';

/** A manifest of a training set, as far as it describes a model. */
export const trainingSetSchema = z.object({
  id: z.string(),
  features: z.record(z.string(), lockedView),
  columns: z
    .array(z.object({ name: z.string(), type: z.string(), views: z.array(z.string()).optional() }))
    .optional(),
});

export type TrainingSet = z.output<typeof trainingSetSchema>;

/** How many values some columns give a row: vectors give several, where the training set says that they are vectors. */
export function widthOf(names: readonly string[], trainingSet: TrainingSet | undefined): number {
  return names.reduce((sum, name) => {
    const type = trainingSet?.columns?.find((column) => column.name === name)?.type;
    return sum + (type === undefined ? 1 : parseType(type).width);
  }, 0);
}

/** The views of a training set that the columns of a model come from; all of them, where it does not say its columns. */
export function lockOfModel({ features, columns = [] }: TrainingSet, { inputs }: Signature): FeaturesLock {
  const names = inputs.flatMap((input) => input.columns ?? [undefined]);
  const used = names.map((name) => columns.find((column) => column.name === name));
  if (used.includes(undefined) || columns.every((column) => column.views === undefined)) return features;
  const views = new Set(used.flatMap((column) => column?.views ?? []));
  return Object.fromEntries(Object.entries(features).filter(([view]) => views.has(view)));
}

const beside = /^(?:time$|(?:request|object|label|failed)\.)/;
const numbers = ['float32', 'float64', 'int32', 'int64', 'bool'];

/** The features of a training set in its order; `undefined` where its manifest lists no columns. */
export function featureColumns({ columns }: TrainingSet): readonly string[] | undefined {
  const features = columns?.filter(({ name }) => !beside.test(name));
  if (features === undefined || features.length === 0) return undefined;
  const other = features.find(({ type }) => {
    const { element, kind } = parseType(type);
    return kind === 'list' || !numbers.includes(element);
  });
  if (other !== undefined)
    throw wrongOption(
      'trainingSet',
      `${other.name} is a ${other.type}, which an FP32 tensor cannot hold: name the columns of the model`,
    );
  return features.map(({ name }) => name);
}
