import type { Signature } from '../models/bundle.js';
import { rowWidth, shapeText } from '../models/shape.js';
import { wrongOption } from './wrong-option.js';

/** Ordered names of the columns that fill a model's inputs: a list for its only input, or a list per input. */
export type ModelColumns = readonly string[] | Readonly<Record<string, readonly string[]>>;

/**
 * A signature whose inputs have the given columns.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT` where the model has no such input, or has several and none is named.
 */
export function withColumns(signature: Signature, columns: ModelColumns): Signature {
  const known = signature.inputs.map(({ name }) => name);
  const [first, ...others] = known;
  if (isList(columns) && others.length > 0)
    throw wrongOption('columns', `the model has the inputs ${known.join(', ')}: give the columns of each`);
  const given = new Map(isList(columns) ? [[first!, columns]] : Object.entries(columns));
  for (const [input, names] of given) {
    if (!known.includes(input))
      throw wrongOption('columns', `the model has no input "${input}"; it has ${known.join(', ')}`);
    if (names.includes(''))
      throw wrongOption('columns', `a column of the input "${input}" has an empty name`);
  }
  const inputs = signature.inputs.map((input) => {
    const names = given.get(input.name);
    return names === undefined ? input : { ...input, columns: [...names] };
  });
  return { ...signature, inputs };
}

/** Whether columns are those of the only input. */
export function isList(columns: ModelColumns): columns is readonly string[] {
  return Array.isArray(columns);
}

/**
 * Checks that an input has as many columns as a row of its tensor has values. It is for a model that no pipeline uses yet; a pipeline knows
 * the types of its columns, and that some are vectors.
 *
 * @param countOf How many values some columns give a row; default: one each.
 * @throws {VivaceError} `INVALID_ARGUMENT`
 */
export function checkCounts(
  { inputs }: Signature,
  countOf: (columns: readonly string[]) => number = ({ length }) => length,
): void {
  for (const input of inputs) {
    const { name, columns } = input;
    const width = rowWidth(input);
    if (columns === undefined || width < 0 || countOf(columns) === width) continue;
    throw wrongOption(
      'columns',
      `${countOf(columns)} columns for the input "${name}" ${shapeText(input)}, but each of its rows takes ${width}`,
    );
  }
}
